/** @file A net as the files of a tf.layers model. */
import { useBackend } from '../engine/index.ts';
import { packLayers, weightsFile } from '../read/tfjs/index.ts';
import type { Net } from '../weights/index.ts';
import { checkedCard, type ExportCard, metadataOf } from './card.ts';

export interface TfjsFiles {
  /** Contents by name: `model.json` and the weights that it names. */
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  /** Layers that tf.layers does not have: whoever loads the model imports `moonlet/tfjs` first. Often there are none. */
  readonly customLayers: readonly { readonly name: string; readonly op: string }[];
}

export interface TfjsOptions {
  /** Goes into `userDefinedMetadata` of model.json: labels, preprocessing, licence, source. */
  readonly card?: ExportCard;
}

/**
 * The files of a tf.layers model, for `tf.loadLayersModel`. `toLayers` of `moonlet/tfjs` gives the model itself.
 *
 * @example
 * import { graph, init, input } from 'moonlet';
 * import { toTfjs } from 'moonlet/export';
 *
 * const { files, customLayers } = await toTfjs(init(graph('line', input(3).dense(2)), { seed: 1 }));
 * console.log(Object.keys(files).join(', '), customLayers.length); // model.json, weights.bin 0
 */
export async function toTfjs(net: Net, { card }: TfjsOptions = {}): Promise<TfjsFiles> {
  const metadata = card ? metadataOf(checkedCard(net.graph, card)) : {};
  await useBackend('cpu'); // no value is computed, and browsers have no file of another to load
  const { modelJson, weights, ours } = await packLayers(net, metadata);
  return { files: { 'model.json': modelJson, [weightsFile]: weights }, customLayers: ours };
}
