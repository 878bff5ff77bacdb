/** @file Scenes as inputs of nets, and which of them a step takes. */
import { edges, type Scene, type Scenes } from '../data/index.ts';
import { MoonletError } from '../errors.ts';
import { permutation, random } from '../random.ts';

/** What is shown of a scene. */
export const modalities = ['intensity', 'edges', 'depth'] as const;
export type Modality = (typeof modalities)[number];

/** Bytes as inputs, of about zero mean and unit deviation over scenes, [size, size, 1]. */
export const sceneInput = (scene: Scene, modality: Modality): Float32Array => {
  const [bytes, mean, deviation] = {
    intensity: [() => scene.intensity, 70, 45],
    edges: [() => edges(scene.intensity, scene.size), 15, 30],
    depth: [() => scene.depth, 215, 50],
  }[modality] as [() => Uint8Array, number, number];
  return Float32Array.from(bytes(), (v) => (v - mean) / deviation);
};
export const intensityInput = (scene: Scene): Float32Array => sceneInput(scene, 'intensity');

/** Which scenes a step takes: each once an epoch, in another order each time; a last partial batch is dropped. */
export function sceneOrder(scenes: Scenes, batch: number, seed: number): (step: number) => Uint32Array {
  const perEpoch = Math.floor(scenes.count / batch);
  if (perEpoch < 1)
    throw new MoonletError(`a batch of ${batch} is larger than the ${scenes.count} training scenes`);
  let epoch = -1;
  let order = new Uint32Array();
  return (step) => {
    const now = Math.floor(step / perEpoch);
    if (now !== epoch) {
      epoch = now;
      order = Uint32Array.from(permutation(scenes.count, random('order', seed, epoch)));
    }
    const first = (step % perEpoch) * batch;
    return order.slice(first, first + batch);
  };
}
