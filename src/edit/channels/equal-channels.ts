/**
 * @file Which channels of a net compute the same number: each gets a number of its own, and equal numbers mean equal
 * values for every input (value numbering). Found by reading weights bit for bit, never by running the net; what is not
 * seen to be equal has another number.
 */
import { match } from 'ts-pattern';
import { fold, isMap, type Shape, shapes, shiftTap, shuffled } from '../../graph/index.ts';
import { materialize, type Net, type WeightKey } from '../../weights/index.ts';

/** The numbers of each value's channels; a flattened map has one for each place. */
export function channelNumbers({ graph, weights }: Net): ReadonlyMap<string, Int32Array> {
  const known = new Map<string, number>();
  const numberOf = (what: string): number => {
    const found = known.get(what) ?? known.size;
    known.set(what, found);
    return found;
  };
  const shapeById = shapes(graph);
  return fold<Int32Array>(graph, (node, ins) => {
    const x = ins[0] as Int32Array;
    const c = x?.length ?? 0;
    const owner = node.weightsOf ?? node.id;
    /** The channels of what reads them one by one, by a name of the reader. */
    const each = (reader: string): Int32Array => x.map((n) => numberOf(`${reader} ${n}`));
    const bits = (slot: string): Int32Array | undefined => {
      const weight = weights.get(`${owner}:${slot}` as WeightKey);
      return weight && new Int32Array(Float32Array.from(materialize(weight)).buffer);
    };
    return match(node.op)
      .returnType<Int32Array>()
      .with({ kind: 'input' }, ({ shape }) =>
        Int32Array.from({ length: shape.at(-1) as number }, (_, i) => numberOf(`${node.id} ${i}`)),
      )
      .with({ kind: 'conv' }, (op) => {
        const columns = alike(bits('kernel') as Int32Array, op.out, bits('bias'));
        const reads = c / op.groups;
        const read = Array.from({ length: op.groups }, (_, g) => x.slice(g * reads, (g + 1) * reads).join());
        return columns.map((column, j) =>
          numberOf(`${owner} ${column} ${read[Math.floor((j * op.groups) / op.out)]}`),
        );
      })
      .with({ kind: 'dense' }, ({ out }) => {
        const read = x.join();
        return alike(bits('kernel') as Int32Array, out, bits('bias')).map((column) =>
          numberOf(`${owner} ${column} ${read}`),
        );
      })
      .with({ kind: 'norm' }, ({ eps }) => {
        const slots = (['gamma', 'beta', 'mean', 'variance'] as const).map(bits);
        return x.map((n, i) => numberOf(`norm ${eps} ${slots.map((s) => s?.[i]).join()} ${n}`));
      })
      .with({ kind: 'add' }, { kind: 'mul' }, ({ kind }) =>
        x.map((_, i) => numberOf(`${kind} ${ins.map((v) => v[i]).join()}`)),
      )
      .with({ kind: 'concat' }, () => Int32Array.from(ins.flatMap((v) => [...v])))
      .with({ kind: 'slice' }, ({ from, to }) => x.slice(from, to))
      .with({ kind: 'shuffle' }, ({ groups }) => x.map((_, j) => x[shuffled(j, c, groups)] as number))
      .with({ kind: 'permute' }, ({ order }) => Int32Array.from(order, (from) => x[from] as number))
      .with({ kind: 'flatten' }, () => {
        const shape = shapeById.get(node.inputs[0] as string) as Shape;
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
      .with({ kind: 'shift' }, ({ kernel }) =>
        x.map((n, i) => numberOf(`shift ${kernel} ${shiftTap(i, c, kernel)} ${n}`)),
      )
      .with({ kind: 'dropout' }, { kind: 'dropPath' }, () => each(node.id)) // draws of their own
      .with(
        { kind: 'act' },
        { kind: 'pool' },
        { kind: 'globalPool' },
        { kind: 'upsample' },
        { kind: 'quantize' },
        (op) => each(op.kind === 'act' && op.fn === 'softmax' ? node.id : JSON.stringify(op)),
      )
      .exhaustive();
  });
}

/** For each column of a kernel the first one that has the same bits, and the same bias. */
function alike(kernel: Int32Array, columns: number, bias: Int32Array | undefined): Int32Array {
  const hashes = new Int32Array(columns);
  kernel.forEach((v, i) => {
    hashes[i % columns] = Math.imul((hashes[i % columns] as number) ^ v, 0x01000193);
  });
  const same = (a: number, b: number): boolean => {
    if (bias?.[a] !== bias?.[b]) return false;
    for (let at = 0; at < kernel.length; at += columns) if (kernel[at + a] !== kernel[at + b]) return false;
    return true;
  };
  const byHash = new Map<number, number[]>();
  return hashes.map((hash, j) => {
    const list = byHash.get(hash) ?? [];
    const first = list.find((k) => same(k, j));
    if (first !== undefined) return first;
    byHash.set(hash, [...list, j]);
    return j;
  });
}
