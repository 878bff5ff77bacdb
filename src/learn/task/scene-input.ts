/** @file Scenes as inputs of nets. */
import { edges, type Scene, type Scenes } from '../../data/in-memory.ts';
import { MoonletError } from '../../errors.ts';
import type { Graph, Shape } from '../../graph/index.ts';
import { checkCount } from '../options.ts';
import { checkInput } from './data-check.ts';

/** What is shown of a scene. */
export const modalities = ['intensity', 'edges', 'depth'] as const;
export type Modality = (typeof modalities)[number];

interface Shown {
  bytes(scene: Scene): Uint8Array;
  readonly mean: number;
  readonly deviation: number;
}
const shown: Readonly<Record<Modality, Shown>> = {
  intensity: { bytes: (scene) => scene.intensity, mean: 70, deviation: 45 },
  edges: { bytes: (scene) => edges(scene.intensity, scene.size), mean: 15, deviation: 30 },
  depth: { bytes: (scene) => scene.depth, mean: 215, deviation: 50 },
};

/** Bytes as inputs, of about zero mean and unit deviation over scenes, [size, size, 1]. */
export const sceneInput = (scene: Scene, modality: Modality): Float32Array => {
  const { bytes, mean, deviation } = shown[modality];
  return Float32Array.from(bytes(scene), (v) => (v - mean) / deviation);
};
/** The intensity of a scene as the input of a net, [size, size, 1]. */
export const intensityInput = (scene: Scene): Float32Array => sceneInput(scene, 'intensity');

/** What a net of scenes sees: one channel. */
export const sceneShape = ({ size }: Pick<Scenes, 'size'>): Shape => [size, size, 1];

/**
 * Checks scenes against a net.
 * @throws MoonletError when there is no scene, or a net does not take images of the scenes' size and one channel.
 */
export function checkScenes(graph: Graph, scenes: Scenes, what: string): void {
  checkCount(`${what}: count`, scenes.count);
  checkInput(graph, sceneShape(scenes), `${what} are`);
}

/** An object's class. @throws MoonletError for a label that is not one of the classes. */
export function labelOf({ label }: { readonly label: number }, classes: number, what: string): number {
  if (Number.isInteger(label) && label >= 0 && label < classes) return label;
  throw new MoonletError(
    `${what}: label ${label} is not one of the ${classes} classes, 0 to ${classes - 1}; give all of them as "classes"`,
  );
}
