/** @file The certificate's rules for nodes that growth has added: when they pass an old value on, or make nothing of it. */
import type { Conv, Graph, Node } from '../../graph/index.ts';
import { materialize, type Net, type WeightKey } from '../../weights/index.ts';

/** The old value that a new one has the channels of (-1 for new ones), or that it is zero. */
export type Sound = { readonly as: string; readonly map: ArrayLike<number> } | 'zero';

/** A weight's numbers. */
export const stored = (net: Net, node: Node, slot: string): Float32Array | undefined => {
  const weight = net.weights.get(`${node.weightsOf ?? node.id}:${slot}` as WeightKey);
  return weight && materialize(weight);
};

/** What a new node makes of sound values; undefined when no rule says. */
export function passedOn(
  old: Graph,
  node: Node,
  ins: readonly (Sound | undefined)[],
  now: Net,
  widths: readonly number[],
): Sound | undefined {
  const [x] = ins;
  const { op } = node;
  const weight = (slot: string): Float32Array | undefined => stored(now, node, slot);
  const isZero = (slot: string): boolean => weight(slot)?.every((v) => v === 0) ?? false;
  const none = (slot: string): boolean => !weight(slot) || isZero(slot);
  switch (op.kind) {
    case 'permute':
      return x && x !== 'zero' ? { as: x.as, map: op.order.map((i) => x.map[i] as number) } : x;
    case 'slice':
      return x && x !== 'zero' ? { as: x.as, map: Array.from(x.map).slice(op.from, op.to) } : x;
    case 'shuffle':
      return x && x !== 'zero' ? { as: x.as, map: shuffledBy(Array.from(x.map), op.groups) } : x;
    case 'concat': {
      // a value with more channels, be they new ones or those of another value
      const as = ins.flatMap((s) => (s && s !== 'zero' ? [s.as] : []))[0];
      if (as === undefined) return undefined;
      const parts = ins.map((s, i) =>
        s && s !== 'zero' && s.as === as ? Array.from(s.map) : new Array<number>(widths[i] ?? 0).fill(-1),
      );
      return { as, map: parts.flat() };
    }
    case 'add': {
      const [value, ...more] = ins.filter((s) => s !== 'zero');
      return more.length ? undefined : ins.every((s) => s === 'zero') ? 'zero' : value;
    }
    case 'mul':
      return ins.includes('zero') ? 'zero' : undefined;
    case 'norm': {
      if (isZero('gamma') && isZero('beta')) return 'zero';
      const scale = Math.sqrt(1 + op.eps);
      const passes =
        weight('gamma')?.every((v) => Math.abs(v - scale) < 1e-6) &&
        isZero('beta') &&
        isZero('mean') &&
        weight('variance')?.every((v) => v === 1);
      return passes ? x : undefined;
    }
    case 'dense':
    case 'conv':
      if (isZero('kernel') && none('bias')) return 'zero';
      return op.kind === 'conv' && none('bias') && isDirac(op, weight('kernel') ?? []) ? x : undefined;
    case 'act':
      if (x === 'zero') return ['sigmoid', 'hardSigmoid', 'softmax'].includes(op.fn) ? undefined : 'zero';
      return x && settled(old, x.as, op.fn) ? x : undefined;
    case 'dropout':
    case 'dropPath':
    case 'pool':
      return x === 'zero' ? x : undefined;
    default:
      return undefined;
  }
}

/** Channel i of group g goes to place i * groups + g. */
function shuffledBy(map: readonly number[], groups: number): readonly number[] {
  const moved: number[] = [];
  const each = map.length / groups;
  map.forEach((from, i) => {
    moved[(i % each) * groups + Math.floor(i / each)] = from;
  });
  return moved;
}

/** One in the middle of each channel's own filter, zero elsewhere, at stride 1 and 'same'. */
function isDirac(
  { kernel: [kh, kw], stride, groups, out, padding }: Conv,
  kernel: ArrayLike<number>,
): boolean {
  if (groups !== 1 || padding !== 'same' || stride[0] !== 1 || stride[1] !== 1) return false;
  const middle = Math.floor((kh - 1) / 2) * kw + Math.floor((kw - 1) / 2);
  return Array.from(kernel).every((v, i) => {
    const [place, row, column] = [Math.floor(i / out / out), Math.floor(i / out) % out, i % out];
    return v === (place === middle && row === column ? 1 : 0);
  });
}

/** Whether an old value has been through an activation that does nothing the second time. */
function settled({ nodes }: Graph, id: string, fn: string): boolean {
  if (fn !== 'relu' && fn !== 'relu6') return false;
  const node = nodes.find((n) => n.id === id);
  if (node?.op.kind === 'act') return node.op.fn === fn;
  if (node?.op.kind === 'concat')
    return node.inputs.every((x) => settled({ name: '', nodes, outputs: [] }, x, fn));
  const passes = ['slice', 'shuffle', 'permute', 'pool', 'dropout', 'dropPath'].includes(node?.op.kind ?? '');
  return passes && settled({ name: '', nodes, outputs: [] }, node?.inputs[0] ?? '', fn);
}
