/** @file Moonlet's own layer: an op that tf.layers lacks, as a serializable tf layer. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { MoonletError } from '../../errors.ts';
import {
  issueText,
  type Op,
  type Shape,
  type Slot,
  shapeFrom,
  shapeOf,
  weightShapes,
} from '../../graph/index.ts';
import { opSchema } from '../../graph/json.ts';
import { mendTf } from '../../kernels/index.ts';
import { apply } from './apply.ts';
import { sizesOf } from './ranks.ts';

type LayerArgs = ConstructorParameters<typeof tfl.layers.Layer>[0];
export interface OpLayerArgs extends NonNullable<LayerArgs> {
  readonly op: Op;
}
type Variable = ReturnType<tfl.layers.Layer['addWeight']>;

/**
 * Any op as a layer: grouped and dilated convs, hard-swish, hard-sigmoid as relu6(x + 3) / 6, shuffle, slices, norms
 * without scale or offset. A norm whose layer is not trainable is frozen: it keeps its running statistics in training.
 */
export class OpLayer extends tfl.layers.Layer {
  static readonly className = 'MoonletOp';
  readonly op: Op;
  readonly #variables = new Map<Slot, Variable>();

  constructor(args: OpLayerArgs) {
    super(args);
    const parsed = opSchema.safeParse(args.op);
    if (!parsed.success)
      throw new MoonletError(`${args.name ?? OpLayer.className}: op ${issueText(parsed.error)}`);
    this.op = parsed.data;
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    for (const [slot, shape] of weightShapes(this.op, shapesIn(inputShape))) {
      const begin = slot === 'gamma' || slot === 'variance' ? 'ones' : 'zeros';
      const trained = slot !== 'mean' && slot !== 'variance';
      const variable = this.addWeight(
        slot,
        [...shape],
        'float32',
        tfl.initializers[begin](),
        undefined,
        trained,
      );
      this.#variables.set(slot, variable);
    }
    this.built = true;
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    return [batchOf(inputShape), ...shapeOf(this.op, shapesIn(inputShape))];
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Record<string, unknown>): tf.Tensor {
    mendTf(); // a loaded model of our layers may be the first that this process runs
    const ins = Array.isArray(inputs) ? inputs : [inputs];
    return tf.tidy(() =>
      apply(this.op, ins, {
        training: kwargs['training'] === true && this.trainable,
        weight: (slot) => this.#variables.get(slot)?.read(),
        noise: (shape) => tf.randomUniform([...shape]),
        keep: (slot, value) => this.#variables.get(slot)?.write(value),
      }),
    );
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), op: JSON.parse(JSON.stringify(this.op)) };
  }
}
/** Whether a layer is ours. By its name, not by its class: a process may hold this module twice, and tf's register only one. */
export const isOpLayer = (layer: tfl.layers.Layer): layer is OpLayer =>
  layer.getClassName() === OpLayer.className;
tf.serialization.registerClass(OpLayer);

/** The shapes of one input or of several, as tf gives them: batch first. */
const listOf = (shape: tfl.Shape | tfl.Shape[]): tfl.Shape[] => (isList(shape) ? shape : [shape]);
const isList = (shape: tfl.Shape | tfl.Shape[]): shape is tfl.Shape[] => Array.isArray(shape[0]);
const shapesIn = (shape: tfl.Shape | tfl.Shape[]): Shape[] =>
  listOf(shape).map((s) => shapeFrom(sizesOf(s.slice(1))));
const batchOf = (shape: tfl.Shape | tfl.Shape[]): number | null => listOf(shape)[0]?.[0] ?? null;
