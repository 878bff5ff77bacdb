/**
 * @file Splits the input gradient of a strided conv into phases: at a stride of s, row m = s u + r of dx reads only those taps of
 * the kernel that are s apart,
 *
 *   dx(s u + r) = sum over l of K(k + s l) dy(u + q - l),  k = (r + pad) mod s,  q = floor((r + pad) / s),
 *
 * which is a conv of dy with stride 1. The same holds along the columns. The phases are interleaved in the end. Two gradients of the
 * same strides that are added, as those of a block and of its shortcut, are added phase by phase before that.
 */

import type { ConvGeometry } from '../../kernels/index.ts';
import { add1, sameShape } from '../build.ts';
import { type Node, type Phase, type Readers, reachable, readersOf, type Value } from '../ir.ts';
import { type BlockedShape, hasBlockedKernel } from '../lower/blocked.ts';
import { isWhole } from '../lower/choose.ts';
import { phasesOf, type Sizes, sizesOf } from '../lower/conv-sizes.ts';
import type { Recorded } from '../record.ts';
import { endsOf, type Rewriting, rewrite } from './rewrite.ts';

interface Plan {
  readonly geometry: ConvGeometry;
  readonly rows: readonly Phase[];
  readonly columns: readonly Phase[];
}

/** The graph in which such an input gradient is a `convPhase` for each phase, and one `interleave`. */
export function inPhases(recorded: Recorded, block: number | undefined): Recorded {
  const ends = endsOf(recorded);
  const readers = readersOf(reachable(recorded.trace, ends), ends);
  /** Of the first gradient of a pair, by its dx. */
  const waiting = new Map<Value, readonly (Value | undefined)[]>();
  const sums = new Map<Value, Value>();
  return rewrite(recorded, (node, into) => {
    const [output] = node.outputs;
    if (!output) return undefined;
    const sum = sums.get(output);
    if (sum) return [sum];
    const plan = planOf(block, node);
    if (!plan) return undefined;
    const pair = pairOf(block, readers, plan, output);
    const others = pair && waiting.get(pair.other);
    const phases = phaseNodes(into, plan, node, output, others);
    if (pair && !others) {
      waiting.set(output, phases);
      return [];
    }
    const [down, across] = plan.geometry.stride;
    const op = {
      kind: 'interleave',
      stride: [down, across],
      present: phases.map((phase) => phase !== undefined),
    } as const;
    const image = add1(
      into.trace,
      op,
      phases.flatMap((phase) => phase ?? []),
      output,
    );
    if (!pair) return [image];
    sums.set(pair.sum, image);
    return [];
  });
}

/** The phases of one gradient, row by row, each added to the other gradient's; undefined where neither has taps. */
function phaseNodes(
  { trace, now }: Rewriting,
  { geometry, rows, columns }: Plan,
  { inputs }: Node,
  { shape, dtype }: Value,
  others: readonly (Value | undefined)[] | undefined,
): (Value | undefined)[] {
  const [batch = 1, height = 1, width = 1, channels = 1] = shape;
  const type = { shape: [batch, height / rows.length, width / columns.length, channels], dtype };
  return rows.flatMap((row, i) =>
    columns.map((column, j) => {
      const other = others?.[i * columns.length + j];
      if (row.taps.length * column.taps.length === 0) return other;
      const op = { kind: 'convPhase', groups: geometry.groups, rows: row, columns: column } as const;
      return add1(trace, op, [...inputs.map(now), ...(other ? [other] : [])], type);
    }),
  );
}

/** How the input gradient runs in phases; undefined for other nodes, and where it cannot. */
function planOf(
  block: number | undefined,
  { op, inputs: [dy, kernel], outputs: [dx] }: Node,
): Plan | undefined {
  if (op.kind !== 'convInputGrad' || !dy || !kernel || !dx) return undefined;
  const { geometry } = op;
  const s = sizesOf(dx.shape, kernel.shape, dy.shape, geometry);
  const [down, across] = geometry.stride;
  if (down * across === 1 || geometry.dilation.some((step) => step > 1)) return undefined;
  if (!isWhole({ block }, dx) || !isWhole({ block }, dy)) return undefined;
  if (s.height % down > 0 || s.width % across > 0) return undefined;
  const rows = phasesOf(s.height, s.outHeight, s.kernelHeight, down, geometry.pads.top);
  const columns = phasesOf(s.width, s.outWidth, s.kernelWidth, across, geometry.pads.left);
  const fits = ({ taps, before, behind }: Phase): boolean =>
    taps.length === 0 || (before >= 0 && behind >= 0);
  if (![...rows, ...columns].every(fits)) return undefined;
  return hasBlockedKernel({ block }, shapeOf(geometry, s)) ? { geometry, rows, columns } : undefined;
}

/** A conv of dy like those that make the phases. */
const shapeOf = ({ groups }: ConvGeometry, s: Sizes): BlockedShape => ({
  kernelHeight: 2,
  kernelWidth: 2,
  groupIn: s.groupOut,
  channels: s.outChannels,
  outChannels: s.channels,
  groups,
});

/** The other gradient to which dx is added, if it comes in the same phases and nothing else reads either; and their sum. */
function pairOf(
  block: number | undefined,
  readers: Readers,
  { geometry }: Plan,
  dx: Value,
): { other: Value; sum: Value } | undefined {
  const [reader, ...more] = readers(dx) ?? [];
  if (reader?.op.kind !== 'map' || reader.op.op !== 'Add' || more.length > 0) return undefined;
  const other = reader.inputs.find((x) => x !== dx);
  const [sum] = reader.outputs;
  if (!other || !sum || !sameShape(other.shape, dx.shape) || readers(other)?.length !== 1) return undefined;
  const plan = planOf(block, other.node);
  return plan && sameShape(plan.geometry.stride, geometry.stride) ? { other, sum } : undefined;
}
