/** @file Variables of width: the layers whose output channels must be widened or pruned together, and their names. */
import { first, get } from '../access.ts';
import { disjointSets } from './disjoint.ts';
import { type Graph, mixesChannels } from './op.ts';
import { stagePaths, stages } from './stages.ts';

/** What can be widened: layers whose outputs are one decision. */
export interface Variable {
  readonly name: string;
  /** Other words that mean it. */
  readonly aliases: readonly string[];
  /** Convs and dense layers that make its channels. */
  readonly producers: readonly string[];
  /** Its classes, in the order of its first producer. */
  readonly classes: Int32Array;
  /** Channels of its first producer and of what others add to them; more than classes where channels go together. */
  readonly width: number;
  /** Why it cannot change, when it cannot. */
  readonly frozen: string | undefined;
}

/**
 * The variables of a graph: producers that share a class are one.
 *
 * @param of the class of each channel of each node's value.
 * @param frozen why a class cannot change.
 */
export function variablesOf(
  graph: Graph,
  of: ReadonlyMap<string, Int32Array>,
  frozen: ReadonlyMap<number, string>,
): readonly Variable[] {
  const producers = graph.nodes.filter(
    (n) => !n.weightsOf && mixesChannels(n.op, of.get(n.inputs[0] ?? '')?.length ?? 0),
  );
  const { fresh, find, unite } = disjointSets();
  fresh(producers.length);
  const maker = new Map<number, number>(); // class -> index of its first producer
  for (const [i, node] of producers.entries()) {
    for (const id of get(of, node.id)) {
      const other = maker.get(id);
      if (other === undefined) maker.set(id, i);
      else unite(other, i);
    }
  }
  const members = new Map<number, string[]>();
  for (const [i, node] of producers.entries())
    members.set(find(i), [...(members.get(find(i)) ?? []), node.id]);
  const ends = stageEnds(graph, of);
  const inStages = stagePaths(graph);
  const taken = new Set<string>();
  return [...members.values()].map((ids): Variable => {
    const values = ids.map((id) => get(of, id));
    const classes = Int32Array.from(new Set(values.flatMap((value) => [...value])));
    const [leader = -1] = classes;
    // a stage whose width is put together from several layers is not the name of any of them
    const widths = [...ends].flatMap(([stage, inEnd]) =>
      inEnd.has(leader) && inEnd.size === classes.length ? [`${stage}/width`] : [],
    );
    const short = ids.map(blockPath);
    // an inferred stage is another word for a layer, not its name
    const others = inStages.size ? [...widths, ...ids.flatMap((id) => inStages.get(id) ?? [])] : [];
    const candidates = [...(inStages.size ? [] : widths.slice(0, 1)), ...short, ...ids];
    const name = candidates.find((n) => !taken.has(n)) ?? `${first(ids)}/width`;
    taken.add(name);
    const free = classes.some((id) => !frozen.has(id));
    return {
      name,
      aliases: [...new Set([...short, ...ids, ...others])].filter((a) => a !== name),
      producers: ids,
      classes,
      width: widthOf(values),
      frozen: free ? undefined : frozen.get(leader),
    };
  });
}

/** The channels of the first value, and those of the others whose class has not occurred before. */
function widthOf(values: readonly Int32Array[]): number {
  const seen = new Set<number>();
  return values.reduce((sum, value) => {
    const added = value.filter((id) => !seen.has(id));
    for (const id of added) seen.add(id);
    return sum + added.length;
  }, 0);
}

/** A layer's path without the name of its op: 'stage1/0/expand' for 'stage1/0/expand/conv'. */
const blockPath = (id: string): string =>
  /\/(conv|dense|convTranspose)(_\d+)?$/.test(id) ? id.slice(0, id.lastIndexOf('/')) : id;

/** stage1, stage2, ...: the classes of the value that leaves each. */
const stageEnds = (
  graph: Graph,
  of: ReadonlyMap<string, Int32Array>,
): ReadonlyMap<string, ReadonlySet<number>> =>
  new Map(stages(graph).map(({ name, end }) => [name, new Set(of.get(end))]));
