/**
 * @file Pairs of corresponding nodes in two nets. A tap is a path (`stage2`, `stage2/0/add`), or `stride4`: the last
 * map of the body whose height is a fourth of the input's. So nets are paired that name their stages otherwise, or not
 * at all.
 */
import { get } from '../../access.ts';
import { isEnsemble } from '../../edit/ensemble.ts';
import { type Check, checkValue, listOf } from '../../edit/options.ts';
import { MoonletError } from '../../errors.ts';
import { ancestors, type Graph, inputShape, isMap, nodeAt, type Shape, shapes } from '../../graph/index.ts';

export interface Tap {
  readonly id: string;
  readonly shape: Shape;
}
/** What was asked for, in student and teacher, and what it is. */
export interface TapPair {
  readonly student: Tap;
  readonly teacher: Tap;
}

/** A node and its shape, by path or by stride. @throws MoonletError with the nearest path, or the strides there are. */
export function tap(graph: Graph, path: string): Tap {
  const stride = /^stride(\d+)$/.exec(path)?.[1];
  if (stride !== undefined && !graph.nodes.some((n) => n.id.split('/')[0] === path)) {
    const known = strideTaps(graph);
    const found = known.get(Number(stride));
    if (found) return found;
    throw new MoonletError(
      `${graph.name}: no map at stride ${stride}; there are ${[...known.keys()].map((s) => `stride${s}`).join(', ') || 'none'}`,
    );
  }
  const { id } = nodeAt(graph, path);
  return { id, shape: get(shapes(graph), id) };
}

const pairOfPaths: Check = {
  words: 'a pair of paths [student, teacher]',
  holds: (v) => Array.isArray(v) && v.length === 2 && v.every((path) => typeof path === 'string'),
};
/** Checks an option that names a pair of layers. @throws UsageError for another value. */
export const checkPair = (loss: string, option: string, value: unknown): void =>
  checkValue(loss, option, value, pairOfPaths);
/** Checks an option that names several. @throws UsageError for none, or another value. */
export const checkPairs = (loss: string, option: string, value: unknown): void =>
  checkValue(loss, option, value, listOf(pairOfPaths));

/** Two taps by their paths. @throws MoonletError as `tap` does. */
export const tapPair = (
  student: Graph,
  teacher: Graph,
  [mine, theirs]: readonly [student: string, teacher: string],
): TapPair => ({ student: tap(student, mine), teacher: tap(teacher, theirs) });

/**
 * The last map at each stride on the way to the first output, in order of strides. Of a net with stages these are ends of
 * stages: what a stage does before it strides is not yet its own.
 */
export function strideTaps(graph: Graph): ReadonlyMap<number, Tap> {
  const size = inputShape(graph);
  const found = new Map<number, Tap>();
  if (!isMap(size)) return found;
  const live = ancestors(graph, graph.outputs.slice(0, 1));
  const shapeById = shapes(graph);
  const ends = new Map([...stages(graph)].map((stage) => [nodeAt(graph, stage).id, stage]));
  for (const { id, op } of graph.nodes) {
    const shape = get(shapeById, id);
    if (!live.has(id) || op.kind === 'input' || !isMap(shape) || (ends.size && !ends.has(id))) continue;
    const stride = size[0] / shape[0];
    if (Number.isInteger(stride)) found.set(stride, { id, shape });
  }
  return new Map([...found].sort(([a], [b]) => a - b));
}

/**
 * The places where two nets can be compared: the stages of the same names when their heights and widths agree, or else
 * the strides that both have.
 * @throws MoonletError when there are none, and for a teacher that is the mean of several nets.
 */
export function stagePairs(
  student: Graph,
  teacher: Graph,
  loss: string,
  option = 'pairs',
): readonly TapPair[] {
  checkOneTeacher(teacher, loss, option);
  const inTeacher = stages(teacher);
  const named = [...stages(student)]
    .filter((s) => inTeacher.has(s))
    .map((s) => ({ student: tap(student, s), teacher: tap(teacher, s) }));
  if (named.length && named.every(sameSize)) return named;
  const theirs = strideTaps(teacher);
  const pairs = [...strideTaps(student)].flatMap(([stride, mine]) => {
    const their = theirs.get(stride);
    return their ? [{ student: mine, teacher: their }] : [];
  });
  if (pairs.length) return pairs;
  throw new MoonletError(
    `${loss}: ${student.name} and ${teacher.name} have no stage and no stride in common; name the places to compare`,
  );
}

/** Whether both are maps of one height and width. */
export const sameSize = ({ student: { shape: s }, teacher: { shape: t } }: TapPair): boolean =>
  isMap(s) && isMap(t) && s[0] === t[0] && s[1] === t[1];

const stageOf = (id: string): string | undefined => /^stage\d+(?=\/|$)/.exec(id)?.[0];
const stages = (graph: Graph): ReadonlySet<string> =>
  new Set(graph.nodes.flatMap((n) => stageOf(n.id) ?? []));

/**
 * Checks that the layers of a teacher are those of one net.
 * @param option by which the user can name the layers to read, where there is one.
 * @throws MoonletError for a teacher made by `ensemble`: its members have layers of their own, and none gives their mean.
 */
export function checkOneTeacher(teacher: Graph, loss: string, option?: string): void {
  if (!isEnsemble(teacher)) return;
  const named = option === undefined ? '' : `, or name the layers to read by "${option}"`;
  throw new MoonletError(
    `${loss}: reads layers of one teacher, and ${teacher.name} is the mean of several nets; give them by name as "teachers", and name one as the "teacher" of this loss (taughtBy in code)${named}`,
  );
}
