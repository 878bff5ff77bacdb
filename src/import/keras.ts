/**
 * @file Keras's three formats, all HDF5 inside: .h5 (Keras 2 and 3), .weights.h5 and .keras (Keras 3). Tensors are
 * called by layer and variable, as in 'block_1_expand/kernel', whatever the file calls them.
 */
import { MoonletError } from '../errors.ts';
import { mostHeader } from '../weights/index.ts';
import type { Bytes, Format, ReadOptions, WeightFile } from './file.ts';
import { type Hdf5, readHdf5 } from './hdf5.ts';
import { type KerasModel, type KerasTree, parseKerasModel } from './keras-config.ts';
import { fileOf, type Raw } from './keras-file.ts';
import { unzip } from './zip.ts';

/** What .weights.h5 has as numbers, by the class of the layer, in Keras's order. */
const variables: Readonly<Record<string, readonly string[]>> = {
  conv2d: ['kernel', 'bias'],
  depthwise_conv2d: ['kernel', 'bias'],
  separable_conv2d: ['depthwise_kernel', 'pointwise_kernel', 'bias'],
  dense: ['kernel', 'bias'],
  layer_normalization: ['gamma', 'beta'],
  layer_scale: ['gamma'],
  batch_normalization: ['gamma', 'beta', 'moving_mean', 'moving_variance'],
  normalization: ['mean', 'variance', 'count'],
};
const most = { config: mostHeader, layer: 256 };

/** .h5 or .weights.h5. @throws MoonletError that says what is wrong with the file. */
export function readKerasH5(bytes: Bytes, name: string): WeightFile {
  const file = readHdf5(bytes, name);
  const numbered = [...file.datasets.keys()].some((path) =>
    /^(layers|_layer_checkpoint_dependencies)\/.*\/vars\/\d+$/.test(path),
  );
  if (numbered) return weightsFile(file, 'keras-weights', name);
  const config = file.text('', 'model_config', most.config);
  return legacyFile(
    file,
    name,
    config === undefined ? undefined : parseKerasModel(config, `${name}: model_config`),
  );
}

/** .keras: a zip of the model's configuration and its .weights.h5. */
export function readKerasZip(bytes: Bytes, name: string, options: ReadOptions = {}): WeightFile {
  const wanted = (entry: string): boolean => entry === 'config.json' || entry === 'model.weights.h5';
  const entries = unzip(bytes, name, wanted, options);
  const [config, weights] = [entries.get('config.json'), entries.get('model.weights.h5')];
  if (!config || !weights) throw new MoonletError(`${name}: the zip has no config.json and model.weights.h5`);
  if (config.length > most.config) throw new MoonletError(`${name}: its config.json is too long`);
  const model = parseKerasModel(new TextDecoder().decode(config), `${name}: config.json`);
  return weightsFile(readHdf5(weights, `${name}: model.weights.h5`), 'keras', name, model);
}

/**
 * 'model_weights/conv1/conv1/kernel:0', or without the first when weights were saved alone, or with names of models
 * around the layer's: each weight by its folders.
 */
function legacyFile(file: Hdf5, name: string, model: KerasModel | undefined): WeightFile {
  const raw: Raw[] = [];
  const skipped: string[] = [];
  const whole = [...file.datasets.keys()].some((path) => path.startsWith('model_weights/'));
  for (const [path, tensor] of file.datasets) {
    const parts = path.split('/');
    if (whole && parts.shift() !== 'model_weights') skipped.push(path);
    else raw.push({ folders: parts.slice(0, -1), variable: (parts.at(-1) ?? '').replace(/:0$/, ''), tensor });
  }
  return fileOf('keras-h5', raw, skipped, model, name);
}

/** 'layers/functional/layers/batch_normalization_3/vars/0': the class, which one of it in its model, which variable. */
function weightsFile(file: Hdf5, format: Format, name: string, model?: KerasModel): WeightFile {
  const raw: Raw[] = [];
  const skipped: string[] = [];
  const kinds = new Map(model?.layers.map((layer) => [layer.name, layer]));
  for (const [path, tensor] of file.datasets) {
    const [, place = '', group = '', index = ''] =
      /^((?:(?:layers|_layer_checkpoint_dependencies)\/([^/]+)\/)+)vars\/(\d+)$/.exec(path) ?? [];
    if (!place) {
      skipped.push(path);
      continue;
    }
    const layer = file.text(`${place}vars`, 'name', most.layer) ?? (model && numbered(model.tree, place));
    if (layer === undefined)
      throw new MoonletError(
        `${name}: does not contain the names of its layers, since it was written by Keras before 3.8; save the whole model as .keras or .h5: model.save("model.keras")`,
      );
    const own = kinds.get(layer)?.config ?? {};
    const without = [own['scale'] === false ? 'gamma' : '', own['center'] === false ? 'beta' : ''];
    const slots = variables[group] ?? variables[group.replace(/_\d+$/, '')] ?? [];
    const variable = slots.filter((slot) => !without.includes(slot))[Number(index)] ?? index;
    raw.push({ folders: [layer], variable, tensor });
  }
  return fileOf(format, raw, skipped, model, name);
}

/** The name of the layer under 'layers/functional/layers/conv2d_3/', by Keras's count of each class in its model. */
function numbered(tree: readonly KerasTree[], place: string): string | undefined {
  let [level, name]: [readonly KerasTree[], string | undefined] = [tree, undefined];
  for (const [, group = ''] of place.matchAll(/[^/]+\/([^/]+)\//g)) {
    const counts = new Map<string, number>();
    const found = level.find(({ kind }) => {
      const own = snake(kind);
      const n = counts.get(own) ?? 0;
      counts.set(own, n + 1);
      return (n ? `${own}_${n}` : own) === group;
    });
    [level, name] = [found?.layers ?? [], found?.name];
  }
  return name;
}

/** Keras's own rule: 'DepthwiseConv2D' is 'depthwise_conv2d', 'Conv2D' 'conv2d'. */
const snake = (kind: string): string =>
  kind
    .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
