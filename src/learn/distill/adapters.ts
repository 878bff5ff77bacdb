/**
 * @file Adapters: auxiliary layers that convert a value of the student to the shape of the teacher's. They are nodes
 * of the graph that is trained, are trained with it, and are removed when the run ends.
 *
 * Maps: where the student's is larger by a whole ratio it is averaged, then a 1x1 conv with bias sets the channels.
 * FitNets' rule instead is a conv without padding of k = N_student - N_teacher + 1 (Romero et al. 2015, section 2.2),
 * which is 1x1 where sizes agree. Vectors: a dense layer.
 */
import { MoonletError } from '../../errors.ts';
import {
  channelsOf,
  type Graph,
  isMap,
  type Node,
  nodeAt,
  type Op,
  type Padding,
  printShape,
  shapeOf,
  weightShapes,
} from '../../graph/index.ts';
import type { TapPair } from '../loss/taps.ts';

export interface Adapter {
  /** The node whose value has the teacher's shape; the student's own tap when the shapes agree. */
  readonly id: string;
  readonly nodes: readonly Node[];
  /** What was made, for people; none when nothing was needed. */
  readonly note?: string;
}
export interface AdapterOptions {
  /** The loss that it belongs to, and its place among that loss's adapters. */
  readonly loss: string;
  readonly index?: number;
  /** False: shapes that differ are an error. */
  readonly adapt?: boolean;
  /** How a larger map becomes smaller: averaged, or by FitNets' conv. */
  readonly shrink?: 'average' | 'conv';
  /** Heights and widths may differ: the loss does not mind. */
  readonly anySize?: boolean;
  /** Its activation stands behind the adapter too (the regressor has the hint's non-linearity). */
  readonly like?: Graph;
}

/**
 * An adapter for a pair of layers: its nodes, and the node whose value has the shape of the teacher's.
 * @throws MoonletError when the shapes differ and no adapter is allowed, or none can be made.
 */
export function adapter({ student, teacher }: TapPair, o: AdapterOptions): Adapter {
  const { loss, index = 0, adapt = true, shrink = 'average', anySize = false, like } = o;
  const [from, to] = [student.shape, teacher.shape];
  const sizesMatter = isMap(from) && isMap(to) && !anySize;
  const sameSize = !sizesMatter || (from[0] === to[0] && from[1] === to[1]);
  const fits = isMap(from) === isMap(to) && sameSize && channelsOf(from) === channelsOf(to);
  if (fits) return { id: student.id, nodes: [] };
  const where = `${loss}: the student's ${student.id} ${printShape(from)} and the teacher's ${teacher.id} ${printShape(to)}`;
  if (isMap(from) !== isMap(to)) throw new MoonletError(`${where} cannot be compared: a map and a vector`);
  if (!adapt)
    throw new MoonletError(`${where} differ; choose other places, or allow an adapter ("adapt": true)`);
  const ops: Op[] = [];
  const window = (size: number, stride: number, padding: Padding = 'valid') =>
    ({ stride: [stride, stride], padding, size: [size, size] }) as const;
  let kernel: readonly [number, number] = [1, 1];
  if (sizesMatter && !sameSize) {
    if (from[0] < to[0] || from[1] < to[1])
      throw new MoonletError(
        `${where} cannot be adapted: the teacher's map is the larger one; choose other places`,
      );
    const ratio = from[0] / to[0];
    if (shrink === 'conv') kernel = [from[0] - to[0] + 1, from[1] - to[1] + 1];
    else if (Number.isInteger(ratio) && from[1] / to[1] === ratio)
      ops.push({ kind: 'pool', fn: 'avg', ...window(ratio, ratio) });
    else
      throw new MoonletError(
        `${where} cannot be adapted: ${from[0]} is no multiple of ${to[0]}; choose other places`,
      );
  }
  const out = channelsOf(to);
  const point = { stride: [1, 1], dilation: [1, 1], groups: 1, padding: 'valid', bias: true } as const;
  if (channelsOf(from) !== out || kernel[0] > 1 || kernel[1] > 1)
    ops.push(isMap(from) ? { kind: 'conv', out, kernel, ...point } : { kind: 'dense', out, bias: true });
  const theirs = like && nodeAt(like, teacher.id).op;
  if (theirs?.kind === 'act') ops.push(theirs);
  const path = `adapter/${loss}/${index}`;
  const nodes: Node[] = [];
  let [id, shape] = [student.id, from];
  let params = 0;
  for (const op of ops) {
    nodes.push({ id: `${path}/${op.kind}`, op, inputs: [id] });
    for (const [, weight] of weightShapes(op, [shape])) params += weight.reduce((n, d) => n * d, 1);
    shape = shapeOf(op, [shape]);
    id = `${path}/${op.kind}`;
  }
  const steps = ops.map((op) => (op.kind === 'conv' ? `conv ${op.kernel.join('x')}` : op.kind)).join(', ');
  const note = `${loss}: ${student.id} ${printShape(from)} -> ${teacher.id} ${printShape(to)} by ${steps} (${params} parameters, gone after training)`;
  return { id, nodes, note };
}
