/**
 * @file Exact costs of candidates and their limits, from graphs alone: no weights are made. Costs are kept by student and block, since
 * candidates that differ in how they are trained cost the same.
 */
import { architectures, compose, isLibraryName } from '../../zoo/architectures/index.ts';
import type { Dataset } from '../data/index.ts';
import { cheapen } from '../edit/cheapen.ts';
import { MoonletError } from '../errors.ts';
import { classesOf, type Graph } from '../graph/index.ts';
import { checkFit } from '../learn/task/index.ts';
import { cost } from '../read/cost.ts';
import { type McuFigureOptions, mcuFigures } from '../read/mcu/index.ts';
import type { Recipe } from '../run/recipe.ts';
import { firstStudent, startOn } from '../run/start.ts';
import { candidateOf, type NetFields, netFields, netFieldsOf } from './candidate.ts';
import { type LimitName, limitNames, type Space, type Values } from './space.ts';

/** What a net costs before it is trained, for one example. Bytes are those of float32. */
export interface Costs {
  readonly params: number;
  readonly macs: number;
  /** Of the stored weights, running statistics included. */
  readonly bytes: number;
  /** The most memory that values need at once in inference. */
  readonly peakBytes: number;
  /** On a microcontroller: of values and of weights. Only where the space limits or minimizes one of them. */
  readonly sram?: number;
  readonly flash?: number;
}
export type About = Pick<Dataset, 'name' | 'shape' | 'classes'>;

/** Whether a space looks at microcontrollers, and how. */
export function mcuOf({
  limits,
  objective,
  mcu,
}: Partial<Pick<Space, 'limits' | 'objective' | 'mcu'>>): McuFigureOptions | undefined {
  const isAsked =
    limits?.sram ?? limits?.flash ?? objective?.some((name) => name === 'sram' || name === 'flash');
  return isAsked ? (mcu ?? { numbers: 'int8', schedule: 'in-place' }) : undefined;
}

/** The costs of a graph. */
export function costsOf(graph: Graph, mcu?: McuFigureOptions): Costs {
  const { params, macs, normStats, peakBytes } = cost(graph);
  const indices = graph.nodes.reduce((n, { op }) => n + (op.kind === 'permute' ? op.order.length : 0), 0);
  const costs = { params, macs, bytes: 4 * (params + normStats - indices), peakBytes };
  return mcu ? { ...costs, ...mcuFigures(graph, mcu) } : costs;
}

/**
 * The graph that a recipe begins with.
 * @throws MoonletError for a student that does not exist or whose options do not fit together.
 */
function graphOf(recipe: Recipe, about: About | undefined): Graph {
  if (about?.shape[0] === 0)
    throw new MoonletError(
      `${recipe.student}: sweeps over files of pictures need an architecture as the student, with its size, such as "mobilenet-v2 size=96"`,
    );
  return firstStudent(recipe, startOn(recipe, about).net, about).graph;
}

/** The graph of an architecture as it stands, made without weights. @throws MoonletError when it does not take the data. */
function plainGraph({ student, block }: NetFields, about: About | undefined): Graph {
  const graph = compose(String(student));
  if (about?.shape[0]) checkFit(graph, classesOf(graph), about);
  return typeof block === 'string' ? cheapen(graph, block) : graph;
}

/** Whether it is one. */
function isPlain({ student, size, channels, classes, grow, newHead }: NetFields): boolean {
  const name = String(student).trim().split(/\s+/)[0] ?? '';
  return (
    (architectures.has(name) || isLibraryName(name)) &&
    [size, channels, classes, grow, newHead].every((field) => field === undefined)
  );
}

/** Costs of candidates, each net counted once. A text says why there is no such net. */
export type Coster = (
  base: Pick<Space, 'recipe'> & Partial<Pick<Space, 'limits' | 'objective' | 'mcu'>>,
  values: Values,
) => Costs | string;

/** So many different nets are kept. */
const most = 200_000;

/**
 * Counts candidates.
 * @param about the data, which the input and the head of trained nets follow.
 *
 * @example
 * import { coster, parseSpace } from 'moonlet/sweep';
 * const space = parseSpace({
 *   recipe: { data: 'mnist', student: 'wrn depth=10 size=28 channels=1', steps: 100, validation: 1000 },
 *   space: { 'student.width': { choice: [1, 2] } },
 * });
 * coster(undefined)(space, { 'student.width': 1 }); // { params: 77562, macs: 9345920, bytes: 312168, peakBytes: 150528 }
 */
export function coster(about: About | undefined): Coster {
  const known = new Map<string, Costs | string>();
  return (base, values) => {
    const fields = netFieldsOf(base, values);
    const { student, block } = fields;
    const plain = isPlain(fields);
    const mcu = mcuOf(base);
    const how = mcu ? `${mcu.numbers} ${mcu.schedule}` : '';
    const key = how + (plain ? `${student}|${block ?? ''}` : JSON.stringify(netFields.map((f) => fields[f])));
    const before = known.get(key);
    if (before !== undefined) return before;
    const found = unlessRefused(() =>
      costsOf(plain ? plainGraph(fields, about) : graphOf(candidateOf(base, values).recipe, about), mcu),
    );
    if (known.size >= most) known.clear();
    known.set(key, found);
    return found;
  };
}

function unlessRefused<T>(make: () => T): T | string {
  try {
    return make();
  } catch (e) {
    if (e instanceof MoonletError) return e.message;
    throw e;
  }
}

/** The first limit that is not kept, in words; undefined when all are. */
export function overLimit(
  costs: Readonly<Partial<Record<LimitName, number>>>,
  limits: Space['limits'],
): string | undefined {
  for (const [name, { min = 0, max = Number.POSITIVE_INFINITY }] of limitEntries(limits)) {
    const value = costs[name];
    if (value === undefined) continue;
    if (value > max) return `${name}: ${value}, at most ${max} allowed`;
    if (value < min) return `${name}: ${value}, at least ${min} wanted`;
  }
  return undefined;
}

const limitEntries = (limits: Space['limits']) =>
  limitNames.flatMap((name) => {
    const found = limits[name];
    return found ? [[name, found] as const] : [];
  });
