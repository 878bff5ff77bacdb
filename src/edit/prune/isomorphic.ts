/**
 * @file Which sub-structures of a net are built alike, for pruning in the scope `isomorphic`. The sub-structure of a path is
 * every node that makes, passes on or reads its channels, and the values between them that carry these channels. Two
 * sub-structures are isomorphic if a renaming of nodes turns one into the other: the ops and what they do to the channels
 * must be the same, widths and sizes of kernels may differ. Fang et al. 2024, arXiv:2407.04616, section 3.2.
 *
 * The test is colour refinement (Weisfeiler and Lehman 1968). It never parts isomorphic graphs; it may join some that are not, all
 * of whose nodes have equal neighbours.
 */
import { get, item } from '../../access.ts';
import {
  type Channels,
  type Graph,
  groupsOf,
  isLinear,
  mixesChannels,
  type Node,
} from '../../graph/index.ts';
import type { Path } from './path.ts';

/** A node of a sub-structure. The colours of nodes that were told apart so far differ. */
interface Member {
  readonly makers: Member[];
  readonly readers: Member[];
  colour: number;
}

/** The paths in classes of isomorphic sub-structures, in the order of each class's first path. */
export function isomorphicPaths(
  graph: Graph,
  all: Channels,
  found: readonly Path[],
): readonly (readonly Path[])[] {
  const numbers = new Map<string, number>();
  const number = (word: string): number => {
    const known = numbers.get(word) ?? numbers.size;
    numbers.set(word, known);
    return known;
  };
  const structures = subStructures(graph, all, found, number);
  const members = structures.flat();
  const distinct = (): number => new Set(members.map((m) => m.colour)).size;
  for (let before = 0; distinct() > before; ) {
    before = distinct();
    const next = members.map((m) => number(`${m.colour}<${colours(m.makers)}>${colours(m.readers)}`));
    for (const [i, m] of members.entries()) m.colour = item(next, i);
  }
  const classes = new Map<string, Path[]>();
  for (const [i, path] of found.entries()) {
    const key = colours(item(structures, i));
    const alike = classes.get(key);
    if (alike) alike.push(path);
    else classes.set(key, [path]);
  }
  return [...classes.values()];
}

const colours = (members: readonly Member[]): string =>
  members
    .map((m) => m.colour)
    .sort((a, b) => a - b)
    .join();

/** The members of each path's sub-structure, in the order of the graph. */
function subStructures(
  graph: Graph,
  all: Channels,
  found: readonly Path[],
  number: (label: string) => number,
): readonly (readonly Member[])[] {
  const owner = new Map<number, number>();
  for (const [i, { variables }] of found.entries())
    for (const { classes } of variables) for (const id of classes) owner.set(id, i);
  const pathsIn = new Map<Int32Array, ReadonlySet<number>>();
  const carried = (node: string): ReadonlySet<number> => {
    const classes = get(all.of, node);
    const known = pathsIn.get(classes);
    if (known) return known;
    const paths = new Set([...classes].flatMap((id) => owner.get(id) ?? []));
    pathsIn.set(classes, paths);
    return paths;
  };
  const members = found.map(() => new Map<string, Member>());
  for (const node of graph.nodes) {
    const made = carried(node.id);
    const read = node.inputs.map(carried);
    for (const path of new Set([made, ...read].flatMap((paths) => [...paths]))) {
      const inPath = item(members, path);
      const role = `${read.map((paths) => Number(paths.has(path))).join('')}>${Number(made.has(path))}`;
      const makers = node.inputs.flatMap((id, i) => (read[i]?.has(path) ? (inPath.get(id) ?? []) : []));
      const member = { makers, readers: [], colour: number(`${formOf(node, all)} ${role}`) };
      for (const maker of makers) maker.readers.push(member);
      inPath.set(node.id, member);
    }
  }
  return members.map((inPath) => [...inPath.values()]);
}

/** The kind of an op; whether a conv mixes all channels, those of a group, or none. */
function formOf({ op, inputs }: Node, all: Channels): string {
  if (!isLinear(op)) return op.kind;
  if (!mixesChannels(op, all.of.get(inputs[0] ?? '')?.length ?? 0)) return 'depthwise';
  return groupsOf(op) > 1 ? `grouped ${op.kind}` : op.kind;
}
