/**
 * @file Moonshine's cheap blocks as an edit. Crowley, Gray and Storkey, NeurIPS 2018, arXiv:1711.02613.
 *
 * In every residual branch, with N channels in and kernels of k x k:
 *   S           both convs stay
 *   G(g)        each conv -> grouped k x k at the input width (norm, act), then 1x1
 *   B(b)        both convs -> one bottleneck: 1x1 to M = out/b, k x k, 1x1 back
 *   BG(b,g)     the same, its k x k in g groups
 * Groups may be said relative to the width: N/k of the input's, M/k of the middle's. Stem, classifier and shortcuts
 * stay. The graph that comes back has other weights: it is a student to be trained.
 */
import { Refusal, UsageError } from '../errors.ts';
import {
  type Activation,
  ancestors,
  type Conv,
  channelsOf,
  check,
  consumers,
  dropUnused,
  type Graph,
  type Node,
  nodesById,
  type OpOf,
  type Pair,
  rename,
  type Shape,
  shapes,
} from '../graph/index.ts';
import { text as anyText, checkGraph, checkValue } from './options.ts';

/** A count of groups: that many, or the width divided by `per`. */
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

/** The nodes of a branch from its fork to the add that ends it, in order. */
type Branch = readonly Node[];

/** The branches of residual adds that hold full k x k convs. What they leave from, another branch of the add needs too. */
function bodies(graph: Graph): readonly Branch[] {
  const byId = nodesById(graph);
  const users = consumers(graph);
  const found: Branch[] = [];
  for (const add of graph.nodes) {
    if (add.op.kind !== 'add') continue;
    for (const id of add.inputs) {
      const chain: Node[] = [];
      let node = byId.get(id);
      while (
        node &&
        node.inputs.length === 1 &&
        users.get(node.id)?.length === 1 &&
        !graph.outputs.includes(node.id)
      ) {
        chain.unshift(node);
        node = byId.get(node.inputs[0] as string);
      }
      const others = add.inputs.filter((other) => other !== id);
      if (chain.some(isFullConv) && node && ancestors(graph, others).has(node.id)) found.push(chain);
    }
  }
  return found;
}

/**
 * Every block of the graph made cheap. `S` gives the graph itself.
 * @throws Refusal when the graph has no such block, or widths do not divide; the path and the reason are named.
 * @example cheapen(wrn({ depth: 40, width: 2 }), 'G(4)') // 2,243,546 -> 814,650 parameters
 */
export function cheapen(graph: Graph, block: string): Graph {
  checkGraph('cheapen', graph);
  checkValue('cheapen', 'the block', block, anyText);
  const cheap = parseBlock(block);
  const branches = bodies(graph);
  if (!branches.length) {
    throw new Refusal(
      `${graph.name}: no residual block with a full k x k conv, so nothing to make cheap by ${block}`,
    );
  }
  if (cheap.kind === 'S') return graph;
  const shapeById = shapes(graph);
  const width = (n: Node): number => channelsOf(shapeById.get(n.inputs[0] as string) as Shape);
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

/** Where new nodes go: the first of the wanted places that is a path and holds no such nodes yet. */
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
      const free =
        wanted.find((path) => path && !taken.has(path) && !holds(path)) ?? (wanted.at(-1) as string);
      taken.add(free);
      return free;
    },
    call: (id: string, path: string): void => void given.set(id, path),
  };
}

const sameParent = (convs: readonly Node[]): boolean =>
  new Set(convs.map((n) => parent(n.id))).size < convs.length;

/** Two convs with one kernel stay one in no cheap block that we know. */
function refuseShared(graph: Graph, conv: Node): void {
  const twin = graph.nodes.find((n) => n.weightsOf === conv.id)?.id ?? conv.weightsOf;
  if (twin !== undefined)
    throw new Refusal(
      `${conv.id}: shares its weights with "${twin}"; give each conv weights of its own first`,
    );
}

/** The two convs that a bottleneck replaces: only norms, activations and dropout stand between them. */
function pairIn(branch: Branch, convs: readonly ConvNode[], block: string): readonly [ConvNode, ConvNode] {
  const [first, second] = convs;
  const between = first && second ? branch.slice(branch.indexOf(first) + 1, branch.indexOf(second)) : [];
  const place = (branch[0] as Node).id;
  if (convs.length !== 2 || !first || !second) {
    throw new Refusal(
      `${place}: ${block} replaces a pair of k x k convs, and this branch has ${convs.length}; use a G block`,
    );
  }
  const foreign = between.find((n) => !['norm', 'act', 'dropout'].includes(n.op.kind));
  if (foreign) {
    throw new Refusal(
      `${place}: ${block} replaces a pair of k x k convs, and "${foreign.id}" (${foreign.op.kind}) stands between them; use a G block`,
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

/** Norm and activation as the branch has them. */
function manners(branch: Branch): readonly [OpOf<'norm'>, Activation] {
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

/** One after another, each reading the one before. */
function series(from: string, steps: readonly (readonly [id: string, op: Node['op']])[]): Node[] {
  let above = from;
  return steps.map(([id, op]) => {
    const node: Node = { id, op, inputs: [above] };
    above = id;
    return node;
  });
}

function groupedNodes(conv: ConvNode, width: number, groups: Groups, branch: Branch, place: string): Node[] {
  const [norm, fn] = manners(branch);
  const count = divide(groups, width, conv.id, 'N');
  return series(conv.inputs[0] as string, [
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
  const [norm, fn] = manners(branch);
  const out = second.op.out;
  if (out % reduce)
    throw new Refusal(
      `${second.id}: ${out} channels do not divide by b = ${reduce}; choose a divisor of ${out}`,
    );
  const middle = out / reduce;
  const count = divide(groups, middle, second.id, 'M');
  const act: Node['op'] = { kind: 'act', fn };
  const stride: Pair = [first.op.stride[0] * second.op.stride[0], first.op.stride[1] * second.op.stride[1]];
  return series(first.inputs[0] as string, [
    [`${place}/narrow/conv`, pointwise(middle, false)],
    [`${place}/narrow/norm`, norm],
    [`${place}/narrow/act`, act],
    [`${place}/filter/conv`, { ...first.op, out: middle, groups: count, stride, bias: false }],
    [`${place}/filter/norm`, norm],
    [`${place}/filter/act`, act],
    [second.id, pointwise(out, second.op.bias)],
  ]);
}

/** The steps that two paths share, or ''. */
function commonPath(a: string, b: string): string {
  const [p, q] = [a.split('/'), b.split('/')];
  return p
    .slice(
      0,
      p.findIndex((step, i) => step !== q[i]),
    )
    .join('/');
}
