/**
 * @file Writes a net as the files of a tf.layers model: model.json and its weights, in the format of tf's own loaders.
 */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { MoonletError } from '../../errors.ts';
import type { Net } from '../../weights/index.ts';
import { isOpLayer } from './layer.ts';
import { sizesOf } from './ranks.ts';
import { toLayers } from './to-layers.ts';

export interface LayersFiles {
  /** The content of model.json. */
  readonly modelJson: string;
  readonly weights: Uint8Array;
  /** Names of the layers that are ours: loading them needs `moonlet/tfjs`; none means that tf.layers alone suffices. */
  readonly ours: readonly { readonly name: string; readonly op: string }[];
}
/** The name under which model.json looks for its weights. */
export const weightsFile = 'weights.bin';

/** The files; `metadata` goes into `userDefinedMetadata`. Needs a tf backend, as `toLayers` does. */
export async function packLayers(
  net: Net,
  metadata: Readonly<Record<string, string>> = {},
): Promise<LayersFiles> {
  const model = toLayers(net);
  try {
    let artifacts: tf.io.ModelArtifacts | undefined;
    await model.save(
      tf.io.withSaveHandler(async (saved) => {
        artifacts = saved;
        return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
      }),
    );
    if (!artifacts) throw new Error('internal: tf saved no model');
    const { modelTopology, weightSpecs, weightData, userDefinedMetadata } = artifacts;
    const json = {
      format: 'layers-model',
      generatedBy: `TensorFlow.js tfjs-layers v${tfl.version_layers}`,
      convertedBy: 'moonlet',
      modelTopology,
      weightsManifest: [{ paths: [weightsFile], weights: weightSpecs }],
      ...(userDefinedMetadata || Object.keys(metadata).length
        ? { userDefinedMetadata: { ...userDefinedMetadata, ...metadata } }
        : {}),
    };
    return {
      modelJson: JSON.stringify(json),
      weights: new Uint8Array(tf.io.CompositeArrayBuffer.join(weightData)),
      ours: model.layers.flatMap((l) => (isOpLayer(l) ? [{ name: l.name, op: l.op.kind }] : [])),
    };
  } finally {
    model.dispose();
  }
}

/** The model that such files hold. The caller disposes of it. @throws MoonletError when model.json is not one of tf.layers. */
export async function unpackLayers(modelJson: string, weights: Uint8Array): Promise<tfl.LayersModel> {
  const { modelTopology, weightsManifest, userDefinedMetadata }: tf.io.ModelJSON = JSON.parse(modelJson);
  const weightSpecs = weightsManifest?.flatMap((m) => m.weights);
  if (!modelTopology || !weightSpecs)
    throw new MoonletError('model.json: holds no tf.layers model with weights');
  const weightData = weights.slice().buffer;
  return tfl.loadLayersModel({
    load: async () => ({
      modelTopology,
      weightSpecs,
      weightData,
      ...(userDefinedMetadata ? { userDefinedMetadata } : {}),
    }),
  });
}

/** A model's outputs for a batch, [batch, ...input] flat, one flat array each. */
export function predictions(model: tfl.LayersModel, x: Float32Array, batch: number): Float32Array[] {
  const shape = sizesOf((model.inputs[0]?.shape ?? []).slice(1));
  return tf.tidy(() =>
    [model.predict(tf.tensor(x, [batch, ...shape]))].flat().map((t) => Float32Array.from(t.dataSync())),
  );
}
