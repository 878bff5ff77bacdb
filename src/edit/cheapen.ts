/**
 * @file Moonshine's cheap blocks as an edit. Crowley, Gray and Storkey, NeurIPS 2018, arXiv:1711.02613.
 *
 * In every residual branch, with N channels in and kernels of k x k:
 *   S           both convs stay
 *   G(g)        each conv -> grouped k x k at the input width (norm, act), then 1x1
 *   B(b)        both convs -> one bottleneck: 1x1 to M = out/b, k x k, 1x1 back
 *   BG(b,g)     the same, its k x k in g groups
 * The number of groups may be relative to a width: N/k for the input's, M/k for the middle's. Stem, classifier and shortcuts
 * stay. The result is a graph that needs other weights: a student to be trained.
 */

import { item, last } from '../access.ts';
import { Refusal, UsageError } from '../errors.ts';
import {
  type Activation,
  ancestors,
  type Conv,
  channelsOf,
  check,
  consumers,
  dropUnused,
  firstInput,
  firstInputShape,
  type Graph,
  type Node,
  nodesById,
  type OpOf,
  type Pair,
  rename,
  shapes,
} from '../graph/index.ts';
import { text as anyText, checkGraph, checkValue } from './options.ts';

/** A number of groups, or a width that is divided by `per`. */
type Groups = { readonly count: number } | { readonly per: number };
type CheapBlock =
  | { readonly kind: 'S' }
  | { readonly kind: 'G'; readonly groups: Groups }
  | { readonly kind: 'B'; readonly reduce: number; readonly groups: Groups };

const forms = "'S', 'G(4)', 'G(N)', 'G(N/8)', 'B(2)', 'BG(2,4)', 'BG(2,M)' or 'BG(2,M/8)'";

/** @throws UsageError for text that is none of the paper's names. */
function parseBlock(text: string): CheapBlock {
  const unknown = (): never => {
    throw new UsageError(`cheapen: no block "${text}"; expected ${forms}`);
  };
  const tight = text.replace(/\s+/g, '');
  if (tight === 'S') return { kind: 'S' };
  const whole = (s: string): number => (/^[1-9]\d{0,5}$/.test(s) ? Number(s) : unknown());
  const groups = (s: string, width: 'N' | 'M'): Groups =>
    s === width ? { per: 1 } : s.startsWith(`${width}/`) ? { per: whole(s.slice(2)) } : { count: whole(s) };
  const [, kind, first = '', second] = /^(G|B|BG)\(([^,()]+)(?:,([^,()]+))?\)$/.exec(tight) ?? unknown();
  if (kind === 'G' && second === undefined) return { kind: 'G', groups: groups(first, 'N') };
  if (kind === 'B' && second === undefined) return { kind: 'B', reduce: whole(first), groups: { count: 1 } };
  if (kind === 'BG' && second !== undefined)
    return { kind: 'B', reduce: whole(first), groups: groups(second, 'M') };
  return unknown();
}

type ConvNode = Node & { readonly op: Conv };
const isFullConv = (n: Node): n is ConvNode =>
  n.op.kind === 'conv' && n.op.groups === 1 && n.op.kernel.some((k) => k > 1);

/** The nodes of a residual branch, from behind its fork to before its add, in order. */
type Branch = readonly Node[];

/** The branches of residual adds that have full k x k convs. Another branch of the add reads the same fork. */
function bodies(graph: Graph): readonly Branch[] {
  const byId = nodesById(graph);
  const users = consumers(graph);
  const isLink = ({ id, inputs }: Node): boolean =>
    inputs.length === 1 && users.get(id)?.length === 1 && !graph.outputs.includes(id);
  const branches: Branch[] = [];
  for (const add of graph.nodes) {
    if (add.op.kind !== 'add') continue;
    for (const id of add.inputs) {
      const chain: Node[] = [];
      let node = byId.get(id);
      while (node && isLink(node)) {
        chain.unshift(node);
        node = byId.get(firstInput(node));
      }
      const others = add.inputs.filter((other) => other !== id);
      if (chain.some(isFullConv) && node && ancestors(graph, others).has(node.id)) branches.push(chain);
    }
  }
  return branches;
}

/**
 * Replace every residual block of the graph by a cheap one: 'S', 'G(4)', 'G(N)', 'G(N/8)', 'B(2)', 'BG(2,4)', 'BG(2,M)' or
 * 'BG(2,M/8)'. `S` gives the graph itself.
 * @throws UsageError for another block; Refusal when the graph has no residual block with a full k x k conv, or widths do not
 * divide, with the path and the reason.
 * @example
 * import { cheapen, cost } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * const teacher = wrn({ depth: 40, width: 2 });
 * console.log(cost(teacher).params, cost(cheapen(teacher, 'G(4)')).params); // 2243546 814650
 */
export function cheapen(graph: Graph, block: string): Graph {
  checkGraph('cheapen', graph);
  checkValue('cheapen', 'the block', block, anyText);
  const cheap = parseBlock(block);
  const branches = bodies(graph);
  if (!branches.length) {
    throw new Refusal(
      `${graph.name}: no residual block with a full k x k conv, so that ${block} has nothing to replace`,
    );
  }
  if (cheap.kind === 'S') return graph;
  const shapeById = shapes(graph);
  const width = (n: Node): number => channelsOf(firstInputShape(n, shapeById));
  const replaced = new Map<string, readonly Node[]>();
  const names = namesOf(graph);
  for (const branch of branches) {
    const convs = branch.filter(isFullConv);
    for (const conv of convs) refuseShared(graph, conv);
    if (cheap.kind === 'G') {
      for (const conv of convs) {
        const place = names.place(
          convs.length > 1 && sameParent(convs) ? [conv.id] : [parent(conv.id), conv.id],
        );
        replaced.set(conv.id, groupedNodes(conv, width(conv), cheap.groups, branch, place));
        names.call(conv.id, `${place}/mix/conv`);
      }
    } else {
      const [first, second] = pairIn(branch, convs, block);
      const place = names.place([commonPath(first.id, second.id), first.id]);
      replaced.set(second.id, bottleneckNodes(first, second, cheap, branch, place));
      names.call(second.id, `${place}/widen/conv`);
    }
  }
  const nodes = graph.nodes.flatMap((n) => replaced.get(n.id) ?? [n]);
  return check(
    rename(dropUnused({ ...graph, name: `${graph.name} ${block.replace(/\s+/g, '')}`, nodes }), names.given),
  );
}

/** The paths of new nodes: below the first of some places that is no empty path and has no such nodes yet. */
function namesOf(graph: Graph) {
  const given = new Map<string, string>();
  const taken = new Set<string>();
  const holds = (path: string): boolean =>
    ['narrow', 'filter', 'widen', 'mix'].some((part) =>
      graph.nodes.some(({ id }) => id.startsWith(`${path}/${part}/`)),
    );
  return {
    given,
    place(wanted: readonly string[]): string {
      const free = wanted.find((path) => path && !taken.has(path) && !holds(path)) ?? last(wanted);
      taken.add(free);
      return free;
    },
    call: (id: string, path: string): void => void given.set(id, path),
  };
}

const sameParent = (convs: readonly Node[]): boolean =>
  new Set(convs.map((n) => parent(n.id))).size < convs.length;

/** @throws Refusal for a conv that shares its kernel: no cheap block keeps two convs with one kernel. */
function refuseShared(graph: Graph, conv: Node): void {
  const twin = graph.nodes.find((n) => n.weightsOf === conv.id)?.id ?? conv.weightsOf;
  if (twin !== undefined)
    throw new Refusal(
      `${conv.id}: shares its weights with "${twin}"; give each conv weights of its own first`,
    );
}

/** The two convs that a bottleneck replaces. @throws Refusal when other ops than norms, activations and dropout are between them. */
function pairIn(branch: Branch, convs: readonly ConvNode[], block: string): readonly [ConvNode, ConvNode] {
  const [first, second] = convs;
  const between = first && second ? branch.slice(branch.indexOf(first) + 1, branch.indexOf(second)) : [];
  const place = item(branch, 0).id;
  if (convs.length !== 2 || !first || !second) {
    throw new Refusal(
      `${place}: ${block} replaces a pair of k x k convs, and this branch has ${convs.length}; use a G block`,
    );
  }
  const foreign = between.find((n) => !['norm', 'act', 'dropout'].includes(n.op.kind));
  if (foreign) {
    throw new Refusal(
      `${place}: ${block} replaces a pair of k x k convs, and "${foreign.id}" (${foreign.op.kind}) is between them; use a G block`,
    );
  }
  const window = ({ op }: ConvNode): string =>
    `${op.kernel.join('x')}${op.dilation.some((d) => d > 1) ? ` dilated ${op.dilation.join('x')}` : ''}`;
  if (window(first) !== window(second)) {
    throw new Refusal(
      `${place}: ${block} replaces a pair of equal convs, and this branch has ${window(first)} and ${window(second)}; use a G block`,
    );
  }
  return [first, second];
}

/** The norm and the activation that the branch uses. */
function styleOf(branch: Branch): readonly [OpOf<'norm'>, Activation] {
  const norm = branch.map((n) => n.op).find((op) => op.kind === 'norm');
  const act = branch.map((n) => n.op).find((op) => op.kind === 'act');
  return [norm ?? { kind: 'norm', eps: 1e-5, momentum: 0.9, scale: true, offset: true }, act?.fn ?? 'relu'];
}

function divide(groups: Groups, channels: number, path: string, widthName: string): number {
  const count = 'count' in groups ? groups.count : channels / groups.per;
  if (Number.isInteger(count) && count >= 1 && channels % count === 0) return count;
  const asked = 'count' in groups ? `${groups.count} groups` : `groups of ${groups.per}`;
  throw new Refusal(
    `${path}: ${widthName} = ${channels} channels do not divide into ${asked}; choose a divisor of ${channels}`,
  );
}

const pointwise = (out: number, bias: boolean): Conv => ({
  kind: 'conv',
  out,
  kernel: [1, 1],
  stride: [1, 1],
  dilation: [1, 1],
  groups: 1,
  padding: 'same',
  bias,
});
const parent = (id: string): string => id.split('/').slice(0, -1).join('/');

/** Nodes in series, each reading the one before. */
function series(from: string, steps: readonly (readonly [id: string, op: Node['op']])[]): Node[] {
  let above = from;
  return steps.map(([id, op]) => {
    const node: Node = { id, op, inputs: [above] };
    above = id;
    return node;
  });
}

function groupedNodes(conv: ConvNode, width: number, groups: Groups, branch: Branch, place: string): Node[] {
  const [norm, fn] = styleOf(branch);
  const count = divide(groups, width, conv.id, 'N');
  return series(firstInput(conv), [
    [`${place}/filter/conv`, { ...conv.op, out: width, groups: count, bias: false }],
    [`${place}/filter/norm`, norm],
    [`${place}/filter/act`, { kind: 'act', fn }],
    [conv.id, pointwise(conv.op.out, conv.op.bias)],
  ]);
}

function bottleneckNodes(
  first: ConvNode,
  second: ConvNode,
  { reduce, groups }: { readonly reduce: number; readonly groups: Groups },
  branch: Branch,
  place: string,
): Node[] {
  const [norm, fn] = styleOf(branch);
  const out = second.op.out;
  if (out % reduce)
    throw new Refusal(
      `${second.id}: ${out} channels do not divide by b = ${reduce}; choose a divisor of ${out}`,
    );
  const middle = out / reduce;
  const count = divide(groups, middle, second.id, 'M');
  const act: Node['op'] = { kind: 'act', fn };
  const stride: Pair = [first.op.stride[0] * second.op.stride[0], first.op.stride[1] * second.op.stride[1]];
  return series(firstInput(first), [
    [`${place}/narrow/conv`, pointwise(middle, false)],
    [`${place}/narrow/norm`, norm],
    [`${place}/narrow/act`, act],
    [`${place}/filter/conv`, { ...first.op, out: middle, groups: count, stride, bias: false }],
    [`${place}/filter/norm`, norm],
    [`${place}/filter/act`, act],
    [second.id, pointwise(out, second.op.bias)],
  ]);
}

/** The common prefix of two paths, or ''. */
function commonPath(a: string, b: string): string {
  const [p, q] = [a.split('/'), b.split('/')];
  return p
    .slice(
      0,
      p.findIndex((step, i) => step !== q[i]),
    )
    .join('/');
}
