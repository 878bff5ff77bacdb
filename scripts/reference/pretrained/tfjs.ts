/** @file What a tf.layers model says of photographs, by TensorFlow.js itself. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { loadLayersModel } from '@tensorflow/tfjs-layers';
import { useBackend } from '../../../src/engine/index.ts';

interface Layer {
  readonly class_name: string;
  readonly config: { activation?: string };
}

/** The logits of each photograph, [h, w, 3] as the model takes it: its last softmax is left out. */
export async function logitsByTfjs(
  file: string,
  photos: readonly Float32Array[],
  size: number,
): Promise<readonly (readonly number[])[]> {
  await useBackend('wasm');
  const json = JSON.parse(readFileSync(file, 'utf8'));
  const layers: readonly Layer[] = json.modelTopology.model_config.config.layers;
  const end = layers.at(-1);
  if (end?.config.activation !== 'softmax')
    throw new Error(`${file}: ends in ${end?.class_name}, not in a softmax`);
  end.config.activation = 'linear';
  const names: readonly string[] = json.weightsManifest.flatMap(
    (group: { paths: readonly string[] }) => group.paths,
  );
  const model = await loadLayersModel(
    tf.io.fromMemory({
      modelTopology: json.modelTopology,
      weightSpecs: json.weightsManifest.flatMap((group: { weights: readonly object[] }) => group.weights),
      weightData: new Uint8Array(Buffer.concat(names.map((name) => readFileSync(join(dirname(file), name)))))
        .buffer,
    }),
  );
  const all = photos.map((x) =>
    tf.tidy(() => {
      const y = model.predict(tf.tensor4d(x, [1, size, size, 3]));
      if (Array.isArray(y)) throw new Error(`${file}: several outputs`);
      return [...y.dataSync()];
    }),
  );
  model.dispose();
  return all;
}
