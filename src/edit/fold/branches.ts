/**
 * @file A sum of parallel linear branches as one conv (RepVGG, Ding et al. 2021, arXiv:2101.03697, section 3.3): smaller
 * kernels are padded with zeros to the largest, the identity is a kernel of single ones, kernels and biases add up.
 */
import { get, item } from '../../access.ts';
import {
  type Conv,
  channelsOf,
  dropUnused,
  type Graph,
  isMap,
  type Node,
  type Norm,
  nodesById,
  type Shape,
  shapes,
  slide,
} from '../../graph/index.ts';
import { type Net, net } from '../../weights/index.ts';
import { affineOf, forget, isSharing, type Linear, linearOf, put, readOnce, type Store } from './linear.ts';

/** A term of the sum: a conv of the common value, its norm, or the value itself; then scales and changes of sign, from the last on. */
type Branch = { readonly after: readonly Node[] } & (
  | { readonly kind: 'conv'; readonly id: string; readonly op: Conv }
  | { readonly kind: 'norm'; readonly id: string; readonly op: Norm }
  | { readonly kind: 'identity' }
);
type Term = { readonly root: Node; readonly after: readonly Node[] };

/** The net with its first such sum folded, or undefined when it has none. */
export function foldSum(whole: Net): Net | undefined {
  const { graph } = whole;
  const byId = nodesById(graph);
  const shapeById = shapes(graph);
  const once = readOnce(graph);
  for (const sum of graph.nodes) {
    if (sum.op.kind !== 'add' || new Set(sum.inputs).size < sum.inputs.length) continue;
    const terms = sum.inputs.map((id) => termOf(graph, byId, get(byId, id), once));
    for (const source of new Set(terms.flatMap(({ root }) => [root.id, ...root.inputs]))) {
      const branches = terms.map((term) => branchOf(graph, term, source, once));
      const shape = get(shapeById, source);
      if (!branches.every((b) => b !== undefined) || !isMap(shape)) continue;
      const store: Store = new Map(whole.weights);
      const merged = merge(store, branches, shape);
      if (merged) return replaced(graph, sum, source, merged, store);
    }
  }
  return undefined;
}

const isFactor = ({ op }: Node): boolean => op.kind === 'scale' || (op.kind === 'act' && op.fn === 'negate');

/** What a term multiplies, and the factors that nothing else reads. */
function termOf(
  graph: Graph,
  byId: ReadonlyMap<string, Node>,
  term: Node,
  once: (id: string) => boolean,
): Term {
  const after: Node[] = [];
  let root = term;
  while (isFactor(root) && once(root.id) && !isSharing(graph, root.id)) {
    after.push(root);
    root = get(byId, root.inputs[0] ?? '');
  }
  return { root, after };
}

function branchOf(
  graph: Graph,
  { root: { id, op, inputs }, after }: Term,
  source: string,
  once: (id: string) => boolean,
): Branch | undefined {
  if (id === source) return { kind: 'identity', after };
  if (inputs[0] !== source || !once(id) || isSharing(graph, id)) return undefined;
  if (op.kind === 'conv') return { kind: 'conv', id, op, after };
  return op.kind === 'norm' ? { kind: 'norm', id, op, after } : undefined;
}

interface Merged {
  /** The nodes that it replaces. */
  readonly gone: ReadonlySet<string>;
  readonly op: Conv;
  readonly linear: Linear;
}

/** One conv for all branches, whose weights are removed from the store; undefined when strides, groups or windows do not fit. */
function merge(store: Store, branches: readonly Branch[], shape: Shape): Merged | undefined {
  const convs = branches.flatMap((b) => (b.kind === 'conv' ? [b.op] : []));
  const area = ({ kernel: [h, w] }: Conv): number => h * w;
  const [frame] = [...convs].sort((a, b) => area(b) - area(a));
  if (!frame) return undefined;
  const inputs = channelsOf(shape) / frame.groups;
  const size = [...frame.kernel, inputs, frame.out];
  const kernel = new Float64Array(area(frame) * inputs * frame.out);
  const bias = new Float64Array(frame.out);
  const gone = new Set<string>();
  for (const branch of branches) {
    const offset = offsetIn(frame, branch, shape);
    if (!offset) return undefined;
    const part = partOf(store, branch, channelsOf(shape), inputs);
    const [h, w] = [item(part.shape, 0), item(part.shape, 1)];
    const row = inputs * frame.out; // weights at one position of the window
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < w; x++) {
        const from = (y * w + x) * row;
        const to = ((y + offset[0]) * frame.kernel[1] + x + offset[1]) * row;
        for (let i = 0; i < row; i++) kernel[to + i]! += part.kernel[from + i]!;
      }
    }
    for (const [c, b] of part.bias.entries()) bias[c]! += b;
    const replaced = [...branch.after.map((n) => n.id), ...(branch.kind === 'identity' ? [] : [branch.id])];
    for (const id of replaced) gone.add(id);
    forget(store, ...replaced);
  }
  return { gone, op: { ...frame, bias: true }, linear: { shape: size, kernel, bias } };
}

/** The offset of the branch's window in the frame's where both read the same positions; undefined when there is none. */
function offsetIn(frame: Conv, branch: Branch, shape: Shape): readonly [y: number, x: number] | undefined {
  const point = { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], padding: 'valid' } as const;
  const conv =
    branch.kind === 'conv' ? branch.op : { ...point, groups: frame.groups, out: channelsOf(shape) };
  const same = (a: readonly number[], b: readonly number[]): boolean => a.every((n, i) => n === b[i]);
  if (!same(conv.stride, frame.stride) || conv.groups !== frame.groups || conv.out !== frame.out)
    return undefined;
  const isPoint = conv.kernel.every((k) => k === 1);
  if (!same(conv.dilation, frame.dilation) && !isPoint) return undefined;
  const outer = slide(shape, frame).pads;
  const inner = slide(shape, conv).pads;
  const shift = (before: number, axis: 0 | 1): number => {
    const taps = before / frame.dilation[axis];
    return Number.isInteger(taps) && taps >= 0 && taps + conv.kernel[axis] <= frame.kernel[axis] ? taps : -1;
  };
  const [y, x] = [shift(outer.top - inner.top, 0), shift(outer.left - inner.left, 1)];
  return y < 0 || x < 0 ? undefined : [y, x];
}

/** The weights of a branch as a conv with `inputs` channels in each group. */
function partOf(store: Store, branch: Branch, channels: number, inputs: number): Linear {
  const part = rootOf(store, branch, channels, inputs);
  return branch.after.reduce(({ shape, kernel, bias }, { id, op }) => {
    const by = op.kind === 'scale' ? affineOf(store, id, op).scale : bias.map(() => -1);
    return {
      shape,
      kernel: kernel.map((w, i) => w * by[i % by.length]!),
      bias: bias.map((b, c) => b * by[c]!),
    };
  }, part);
}
function rootOf(store: Store, branch: Branch, channels: number, inputs: number): Linear {
  if (branch.kind === 'conv') return linearOf(store, branch.id, branch.op.out);
  const { scale, offset } =
    branch.kind === 'norm'
      ? affineOf(store, branch.id, branch.op)
      : { scale: new Float64Array(channels).fill(1), offset: new Float64Array(channels) };
  const kernel = new Float64Array(inputs * channels);
  for (const [c, s] of scale.entries()) kernel[(c % inputs) * channels + c] = s;
  return { shape: [1, 1, inputs, channels], kernel, bias: offset };
}

/** The net with the conv in place of the sum: `stage1/0/add` becomes `stage1/0/conv`, unless that path is taken or is an output. */
function replaced(graph: Graph, sum: Node, source: string, { gone, op, linear }: Merged, store: Store): Net {
  const near = `${sum.id.slice(0, sum.id.lastIndexOf('/') + 1)}conv`;
  const taken = graph.outputs.includes(sum.id) || graph.nodes.some((n) => n.id === near && !gone.has(near));
  const id = taken ? sum.id : near;
  put(store, id, linear);
  const nodes = graph.nodes
    .filter((n) => !gone.has(n.id))
    .map((n) => (n.id === sum.id ? { id, op, inputs: [source] } : n))
    .map((n) => ({ ...n, inputs: n.inputs.map((i) => (i === sum.id ? id : i)) }));
  return net(dropUnused({ ...graph, nodes }), store);
}
