/** @file What is right, computed once where the command runs, and how far from it a processor may be. */
import { compile } from '../../src/engine/index.ts';
import { inputShape, onlyOutput } from '../../src/graph/index.ts';
import type { Arrays } from '../../src/jit/index.ts';
import { float, materialize, type Net, type Weight, type WeightKey } from '../../src/weights/index.ts';
import { distance, examples, largestDifference, noise, oneUlpOff, sizeOf } from '../../test/support/nets.ts';
import { eagerStep, planOf } from './perform.ts';
import type { Task } from './task-files.ts';

export interface Judgement {
  readonly isRight: boolean;
  /** The largest difference, and what it may be. */
  readonly difference: string;
  readonly bound: string;
}
export interface Prepared {
  readonly tasks: readonly Task[];
  /** @param results of the tasks, in their order. */
  judge(results: readonly Arrays[]): Judgement;
}

/** Below the bound, in numbers of two digits; what is no number is wrong. */
export const below = (difference: number, bound: number): Judgement => ({
  isRight: difference < bound,
  difference: difference.toExponential(1),
  bound: `< ${bound.toExponential(1)}`,
});

/** Farther than rounding moves a value from one engine to another, in units of the last place. */
const margin = 64;
/** So many draws of images are tried at most, and the calmest is taken. */
const draws = 8;
/** What such a move changes of a step in which no relu turns: 2e-6 is usual. */
const calm = 5e-6;

/**
 * Law 6 for one training step: |dW - dW'| / |dW| over all weights, traced on the processor against eager here, below ten times
 * the most that one ulp of the images does to the eager step in three tries, and never above 5e-2.
 *
 * Of millions of values behind a relu, a few may stand so near its kink that any engine's rounding turns them, which one ulp of
 * the images may not show. Images are drawn until the eager step stays as it is with images, kernels and offsets moved by more; of some draws
 * that all move, those that move it least are taken.
 */
export async function trainingStep(net: Net, batch: number): Promise<Prepared> {
  const length = batch * sizeOf(inputShape(net.graph));
  const taskOf = (x: Float32Array, of = net): Task => ({
    kind: 'step',
    net: of,
    batch,
    inputs: { ...others(net, batch), x },
  });
  let [images, eager, least]: [Float32Array, Arrays, number] = [new Float32Array(), {}, Infinity];
  for (let draw = 0; draw < draws && least > calm; draw++) {
    const drawn = noise(length, 'processors', draw);
    const step = await eagerStep(taskOf(drawn), 'wasm');
    let most = 0;
    for (const seed of [1, 2]) {
      const nudged = await eagerStep(taskOf(moved(drawn, seed), movedNet(net, seed)), 'wasm');
      most = Math.max(most, apart(nudged, step));
    }
    if (most < least) [images, eager, least] = [drawn, step, most];
  }
  let chaos = 0;
  for (const seed of [1, 2, 3]) {
    const nudged = await eagerStep(taskOf(oneUlpOff(images, seed)), 'wasm');
    chaos = Math.max(chaos, apart(nudged, eager));
  }
  const bound = Math.min(5e-2, Math.max(10 * chaos, 1e-5));
  return { tasks: [taskOf(images)], judge: ([found = {}]) => below(apart(found, eager), bound) };
}

/** Each number by `margin` ulps, up or down by the seed. */
function moved(x: Float32Array, seed: number): Float32Array {
  let far = x;
  for (let ulp = 0; ulp < margin; ulp++) far = oneUlpOff(far, seed);
  return far;
}

const movedNet = ({ graph, weights }: Net, seed: number): Net => {
  const one = ([key, weight]: [WeightKey, Weight]): [WeightKey, Weight] => [
    key,
    /:(kernel|beta)$/.test(key) ? float(weight.shape, moved(materialize(weight), seed)) : weight,
  ];
  return { graph, weights: new Map([...weights].map(one)) };
};

/** What a step takes beside images. */
function others(net: Net, batch: number): Arrays {
  const inputs: Record<string, Float32Array | Int32Array> = {
    labels: Int32Array.from({ length: batch }, (_, i) => (3 * i) % 10),
    rate: Float32Array.of(0.05),
    'loss/cross-entropy': Float32Array.of(1),
  };
  for (const [name, { shape }] of Object.entries(planOf(net, batch).specs.inputs)) {
    if (name.startsWith('noise/')) inputs[name] = noise(sizeOf(shape), name).map((v) => Math.abs(v) % 1);
  }
  return inputs;
}

/** Of all that were changed. A weight that is missing counts as one that did not move. */
function apart(found: Arrays, right: Arrays): number {
  const keys = Object.keys(right);
  const array = (from: Arrays, key: string): Float32Array =>
    Float32Array.from(from[key] ?? new Float32Array(right[key]?.length ?? 0));
  return distance(
    keys.map((key) => array(found, key)),
    keys.map((key) => array(right, key)),
  );
}

/** Law 6 for inference: within 1e-4 of the largest output of the eager reading, of the net itself or of its teacher (law 3). */
export async function inference(net: Net, reference = net): Promise<Prepared> {
  const batch = 3;
  const x = examples(net.graph, batch);
  const eager = await compile(reference, { engine: 'wasm' });
  const right = (await eager.run(x)).get(onlyOutput(reference.graph)) as Float32Array;
  await eager.release();
  return {
    tasks: [{ kind: 'infer', net, batch, inputs: { x } }],
    judge: ([found = {}]) => below(farFrom(found['compiled'], right), 1e-4),
  };
}

const farFrom = (found: Arrays[string] | undefined, right: Float32Array): number =>
  found?.length === right.length ? largestDifference(Float32Array.from(found), right) : Number.NaN;
