/** @file Scenes as inputs of nets. */
import { edges, type Scene } from '../data/index.ts';

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
