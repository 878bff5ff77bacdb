/**
 * @file Stages: by the paths `stage1`, `stage2`, ... where a graph has them, else inferred from where the maps get smaller.
 *
 * A stage ends at a cut: a value through which all that comes later reads all that came before. Of the cuts of one map
 * size the last one ends the stage, with one exception: the expansion before a strided depthwise conv (as in MobileNetV2)
 * belongs to the block that it begins, so that the stage ends at what the expansion reads. A first strided conv that is
 * alone at its size is the stem. What comes after the last cut is the head. A net of vectors alone is one stage.
 */
import { first, get, last } from '../access.ts';
import { consumers, nodesById } from './graph.ts';
import { firstInput, inputChannels } from './inputs.ts';
import { channelsOf, type Graph, isDepthwise, isMap, mixesChannels, type Node, type Shape } from './op.ts';
import { shapes } from './shape.ts';

export interface Stage {
  /** `stage1`, `stage2`, ... */
  readonly name: string;
  readonly nodes: readonly Node[];
  /** The node whose value leaves the stage. */
  readonly end: string;
}

const known = new WeakMap<Graph, readonly Stage[]>();

/**
 * The stages in order: those that paths name, else those that map sizes suggest. Empty for a graph that has neither, such
 * as a net with a skip connection from its first layer to its last.
 */
export function stages(graph: Graph): readonly Stage[] {
  const before = known.get(graph);
  if (before) return before;
  const named = namedStages(graph);
  const list = named.length ? named : inferredStages(graph);
  known.set(graph, list);
  return list;
}

/** Whether a path begins with a stage's name, as in `stage2` or `stage2/0/conv`. */
export const stageOf = (path: string): string | undefined => /^stage\d+(?=\/|$)/.exec(path)?.[0];

function namedStages({ nodes }: Graph): readonly Stage[] {
  const byName = new Map<string, Node[]>();
  for (const node of nodes) {
    const name = stageOf(node.id);
    if (name === undefined) continue;
    const list = byName.get(name);
    if (list) list.push(node);
    else byName.set(name, [node]);
  }
  return [...byName].map(([name, members]) => ({ name, nodes: members, end: last(members).id }));
}

/**
 * By node id the paths under which inferred stages know it too, such as `stage2/conv2d_5`; empty where stages are named.
 */
export function stagePaths(graph: Graph): ReadonlyMap<string, string> {
  if (graph.nodes.some((n) => stageOf(n.id))) return new Map();
  return new Map(
    stages(graph).flatMap(({ name, nodes }) => nodes.map((n) => [n.id, `${name}/${n.id}`] as const)),
  );
}

interface Walk {
  readonly graph: Graph;
  readonly byId: ReadonlyMap<string, Node>;
  readonly shapeById: ReadonlyMap<string, Shape>;
}

function inferredStages(graph: Graph): readonly Stage[] {
  const walk: Walk = { graph, byId: nodesById(graph), shapeById: shapes(graph) };
  const index = new Map(graph.nodes.map((n, i) => [n.id, i]));
  const runs = runsOf(walk);
  const [entry, ...more] = runs;
  const stem = entry && more.length && isStem(walk, entry) ? entry : undefined;
  let from = stem ? get(index, last(stem)) + 1 : 0;
  return (stem ? more : runs).map((cuts, i) => {
    const end = beforeExpansion(walk, cuts);
    const until = get(index, end) + 1;
    const nodes = graph.nodes.slice(from, until).filter((n) => n.op.kind !== 'input');
    from = until;
    return { name: `stage${i + 1}`, nodes, end };
  });
}

/** Cuts before the last layer of weights, in runs of one map size; the cuts of vectors count where there is no map. */
function runsOf(walk: Walk): readonly (readonly string[])[] {
  const ids = cutsOf(walk);
  const maps = ids.filter((id) => isMap(get(walk.shapeById, id)));
  const runs: { size: string; cuts: string[] }[] = [];
  for (const id of maps.length ? maps : ids) {
    const shape = get(walk.shapeById, id);
    const size = isMap(shape) ? `${shape[0]}x${shape[1]}` : '';
    const run = runs.at(-1);
    if (run?.size === size) run.cuts.push(id);
    else runs.push({ size, cuts: [id] });
  }
  return runs.map((r) => r.cuts);
}

/** Values between the first and the last layer that mixes channels, over which nothing reads. */
function cutsOf({ graph, byId, shapeById }: Walk): readonly string[] {
  const readers = consumers(graph);
  const left = new Map([...readers].map(([id, list]) => [id, list.length]));
  const open = new Set<string>();
  const firstMixing = graph.nodes.findIndex((n) => mixes(n, shapeById));
  const lastMixing = graph.nodes.findLastIndex((n) => mixes(n, shapeById));
  return graph.nodes.flatMap(({ id, inputs }, i) => {
    for (const read of new Set(inputs)) {
      const rest = get(left, read) - 1;
      left.set(read, rest);
      if (!rest) open.delete(read);
    }
    const isCut = open.size === 0 && byId.get(id)?.op.kind !== 'input';
    if (left.get(id)) open.add(id);
    return isCut && i >= firstMixing && i < lastMixing && left.get(id) ? [id] : [];
  });
}

/** Whether a layer makes channels of its own. */
const mixes = (node: Node, shapeById: Walk['shapeById']): boolean =>
  node.inputs.length > 0 && mixesChannels(node.op, inputChannels(node, shapeById));

/** One strided conv, and what follows it at its size. */
function isStem({ graph, byId, shapeById }: Walk, cuts: readonly string[]): boolean {
  const op = byId.get(first(cuts))?.op;
  const until = graph.nodes.findIndex((n) => n.id === cuts.at(-1));
  const layers = graph.nodes.slice(0, until + 1).filter((n) => mixes(n, shapeById));
  return op?.kind === 'conv' && Math.max(...op.stride) > 1 && layers.length === 1;
}

/** The last of some cuts, or what an expansion there reads, where a strided depthwise conv reads the expansion. */
function beforeExpansion({ graph, byId, shapeById }: Walk, cuts: readonly string[]): string {
  const end = last(cuts);
  const source = (id: string): Node => {
    const node = get(byId, id);
    const passes = ['norm', 'act', 'dropout', 'dropPath', 'quantize'].includes(node.op.kind);
    return passes ? source(firstInput(node)) : node;
  };
  const channels = (id: string): number => channelsOf(get(shapeById, id));
  const isFilter = (node: Node): boolean =>
    node.op.kind === 'conv' && isDepthwise(node.op, inputChannels(node, shapeById));
  const [reader, ...others] = consumers(graph).get(end) ?? [];
  const expansion = source(end);
  const [entry = ''] = expansion.inputs;
  if (!reader || others.length || !isFilter(reader) || expansion.op.kind !== 'conv' || isFilter(expansion))
    return end;
  const widens = channels(expansion.id) > channels(entry) && cuts.includes(entry);
  return widens && !isFilter(source(entry)) ? entry : end; // behind a depthwise conv it is that conv's own mix
}
