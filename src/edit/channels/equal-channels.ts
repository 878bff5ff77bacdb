/**
 * @file Value numbering: finds channels of a net that compute the same. Equal numbers mean equal values for every
 * input. The numbers come from the weights, compared bit for bit; the net is never run. Channels that are not proved
 * equal have different numbers.
 */
import { match } from 'ts-pattern';
import {
  type Attention,
  firstInputShape,
  fold,
  isMap,
  type Node,
  type Shape,
  type Slot,
  shapes,
  shiftTap,
  shuffled,
} from '../../graph/index.ts';
import { materialize, type Net } from '../../weights/index.ts';
import { append, gathered } from '../lookup.ts';

/** What the numbering of one node is given. */
interface Site {
  readonly node: Node;
  /** The numbers of the values that it reads. */
  readonly ins: readonly Int32Array[];
  /** The first of `ins`; empty for an input. */
  readonly x: Int32Array;
  /** The number of all channels that this text describes. */
  numberOf(description: string): number;
  /** A weight's bits. */
  bits(slot: Slot): Int32Array | undefined;
}

/** The numbers of each value's channels; a flattened map has one for each place and channel. */
export function channelNumbers({ graph, weights }: Net): ReadonlyMap<string, Int32Array> {
  const known = new Map<string, number>();
  const numberOf = (description: string): number => {
    const number = known.get(description) ?? known.size;
    known.set(description, number);
    return number;
  };
  const shapeById = shapes(graph);
  return fold<Int32Array>(graph, (node, ins) => {
    const bits = (slot: Slot): Int32Array | undefined => {
      const weight = weights.get(`${node.weightsOf ?? node.id}:${slot}`);
      return weight && new Int32Array(Float32Array.from(materialize(weight)).buffer);
    };
    return numbersAt({ node, ins, x: ins[0] ?? new Int32Array(), numberOf, bits }, shapeById);
  });
}

/** Of channels that the same scores weigh, in k and in v. */
function separableNumbers({ node, ins, x, numberOf }: Site, heads: number): Int32Array {
  const [q = x, k = x, v = x] = ins;
  const headOf = (i: number): number => Math.floor((i * heads) / k.length);
  return Int32Array.from(k, (n, i) => numberOf(`separable ${q[headOf(i)]} ${n} ${v[i]} ${node.id}`));
}

/** Of channels of q that weigh the same k and v of one head, or of another head with the same. */
function covarianceNumbers({ node, ins, x, numberOf, bits }: Site, heads: number): Int32Array {
  const [, k = x, v = x] = ins;
  const gamma = bits('gamma');
  const part = (values: Int32Array, h: number): string =>
    values.subarray((h * values.length) / heads, ((h + 1) * values.length) / heads).join();
  const headOf = (i: number): number => Math.floor((i * heads) / x.length);
  return x.map((n, i) => {
    const h = headOf(i);
    return numberOf(`${node.id} ${gamma?.[h]} ${part(k, h)} ${part(v, h)} ${n}`);
  });
}

/** Of channels with the same columns of positions. */
function placedNumbers({ node, x, numberOf, bits }: Site): Int32Array {
  const columns = alike(bits('kernel') ?? new Int32Array(), x.length, bits('bias'));
  return x.map((n, i) => numberOf(`${node.id} ${columns[i]} ${n}`));
}

/** A head sees its own q, k and bias; a talking one those of all, by its own weights after the softmax. */
function attentionNumbers({ node, ins, x, numberOf, bits }: Site, { heads, talking }: Attention): Int32Array {
  const [q = x, k = x, v = x] = ins;
  const isShared = k.length !== x.length;
  const parts = (values: Int32Array, h: number): Int32Array =>
    values.subarray((h * values.length) / heads, ((h + 1) * values.length) / heads);
  const own = (slot: Slot, h: number): Int32Array | undefined =>
    bits(slot)?.filter((_, i) => i % heads === h);
  return Int32Array.from(
    Array.from({ length: heads }, (_, h) => h).flatMap((h) => {
      const keys = isShared ? k : parts(k, h);
      const head = talking
        ? `${own('kernel', h)?.slice(heads).join()} ${own('beta', h)?.[1]}`
        : `${parts(q, h).join()} ${keys.join()} ${own('bias', h)?.join()}`;
      return Array.from(isShared ? v : parts(v, h), (n) => numberOf(`${node.id} ${head} ${n}`));
    }),
  );
}

/** The numbers of what one node makes. */
function numbersAt(site: Site, shapeById: ReadonlyMap<string, Shape>): Int32Array {
  const { node, ins, x, numberOf } = site;
  const c = x.length;
  /** Of ops that compute each channel from the same channel: by a name of the op. */
  const each = (name: string): Int32Array => x.map((n) => numberOf(`${name} ${n}`));
  return match(node.op)
    .returnType<Int32Array>()
    .with({ kind: 'input' }, ({ shape }) =>
      Int32Array.from({ length: shape.at(-1) ?? 0 }, (_, i) => numberOf(`${node.id} ${i}`)),
    )
    .with({ kind: 'conv' }, { kind: 'convTranspose' }, ({ out, groups }) => layerNumbers(site, out, groups))
    .with({ kind: 'dense' }, ({ out }) => layerNumbers(site, out, 1))
    .with({ kind: 'norm' }, ({ eps }) => {
      const slots = (['gamma', 'beta', 'mean', 'variance'] as const).map(site.bits);
      return x.map((n, i) => numberOf(`norm ${eps} ${slots.map((s) => s?.[i]).join()} ${n}`));
    })
    .with({ kind: 'layerNorm' }, { kind: 'responseNorm' }, { kind: 'scale' }, ({ kind }) => {
      // a norm over channels sees its own input alone; a scale is the same wherever it stands
      const what = kind === 'scale' ? kind : node.id;
      const slots = (['gamma', 'beta'] as const).map(site.bits);
      return x.map((n, i) => numberOf(`${what} ${slots.map((s) => s?.[i]).join()} ${n}`));
    })
    .with({ kind: 'groupNorm' }, ({ groups }) => {
      const slots = (['gamma', 'beta'] as const).map(site.bits);
      const group = (i: number): number => Math.floor((i * groups) / c);
      return x.map((n, i) => numberOf(`${node.id} ${group(i)} ${slots.map((s) => s?.[i]).join()} ${n}`));
    })
    .with({ kind: 'positions' }, () => placedNumbers(site))
    .with({ kind: 'attention', form: 'separable' }, ({ heads }) => separableNumbers(site, heads))
    .with({ kind: 'attention', form: 'covariance' }, ({ heads }) => covarianceNumbers(site, heads))
    .with({ kind: 'attention' }, (op) => attentionNumbers(site, op))
    .with({ kind: 'pad' }, ({ pads }) => each(`pad ${pads.join()}`))
    .with({ kind: 'add' }, { kind: 'mul' }, ({ kind }) =>
      x.map((_, i) => numberOf(`${kind} ${ins.map((v) => v[i]).join()}`)),
    )
    .with({ kind: 'concat' }, () => Int32Array.from(ins.flatMap((v) => [...v])))
    .with({ kind: 'slice' }, ({ from, to }) => x.slice(from, to))
    .with({ kind: 'shuffle' }, ({ groups }) =>
      gathered(
        x,
        x.map((_, j) => shuffled(j, c, groups)),
      ),
    )
    .with({ kind: 'permute' }, ({ order }) => gathered(x, order))
    .with({ kind: 'flatten' }, () => {
      const shape = firstInputShape(node, shapeById);
      const places = isMap(shape) ? shape[0] * shape[1] : 1;
      return Int32Array.from({ length: places * c }, (_, i) =>
        numberOf(`place ${Math.floor(i / c)} ${x[i % c]}`),
      );
    })
    .with({ kind: 'maxout' }, ({ pieces }) =>
      Int32Array.from({ length: c / pieces }, (_, u) =>
        numberOf(`maxout ${x.subarray(u * pieces, (u + 1) * pieces).join()}`),
      ),
    )
    .with({ kind: 'pixelShuffle' }, ({ factor }) =>
      Int32Array.from({ length: c / factor ** 2 }, (_, u) =>
        numberOf(`pixelShuffle ${x.subarray(u * factor ** 2, (u + 1) * factor ** 2).join()}`),
      ),
    )
    .with({ kind: 'shift' }, ({ kernel }) =>
      x.map((n, i) => numberOf(`shift ${kernel} ${shiftTap(i, c, kernel)} ${n}`)),
    )
    .with({ kind: 'dropout' }, { kind: 'dropPath' }, () => each(node.id)) // each draws for itself
    .with(
      { kind: 'act' },
      { kind: 'pool' },
      { kind: 'globalPool' },
      { kind: 'upsample' },
      { kind: 'resize' },
      { kind: 'quantize' },
      (op) => each(op.kind === 'act' && op.fn === 'softmax' ? node.id : JSON.stringify(op)),
    )
    .exhaustive();
}

/** Outputs of a conv or dense layer are equal when their columns and the channels that they read are. */
function layerNumbers({ node, x, numberOf, bits }: Site, out: number, groups: number): Int32Array {
  const owner = node.weightsOf ?? node.id;
  const columns = alike(bits('kernel') ?? new Int32Array(), out, bits('bias'));
  const reads = x.length / groups;
  const read = Array.from({ length: groups }, (_, g) => x.slice(g * reads, (g + 1) * reads).join());
  return columns.map((column, j) => numberOf(`${owner} ${column} ${read[Math.floor((j * groups) / out)]}`));
}

/** For each column of a kernel the first one that has the same bits, and the same bias. */
function alike(kernel: Int32Array, columns: number, bias: Int32Array | undefined): Int32Array {
  const hashes = new Int32Array(columns);
  kernel.forEach((v, i) => {
    const j = i % columns;
    hashes[j] = Math.imul(hashes[j]! ^ v, 0x01000193);
  });
  const same = (a: number, b: number): boolean => {
    if (bias?.[a] !== bias?.[b]) return false;
    for (let at = 0; at < kernel.length; at += columns) if (kernel[at + a] !== kernel[at + b]) return false;
    return true;
  };
  const byHash = new Map<number, number[]>();
  return hashes.map((hash, j) => {
    const first = byHash.get(hash)?.find((k) => same(k, j));
    if (first !== undefined) return first;
    append(byHash, hash, j);
    return j;
  });
}
