/**
 * @file Keras's three formats, all HDF5 inside: .h5 (Keras 2 and 3), .weights.h5 and .keras (Keras 3). Tensors are
 * called by layer and variable, as in 'block_1_expand/kernel', whatever the file calls them.
 */
import { MoonletError, quote } from '../errors.ts';
import { mostHeader } from '../weights/index.ts';
import type { Bytes, ForeignTensor, Format, ReadOptions, WeightFile } from './file.ts';
import { type Hdf5, readHdf5 } from './hdf5.ts';
import { unzip } from './zip.ts';

/** What .weights.h5 has as numbers, by the class of the layer, in Keras's order. */
const variables: Readonly<Record<string, readonly string[]>> = {
  conv2d: ['kernel', 'bias'],
  depthwise_conv2d: ['kernel', 'bias'],
  separable_conv2d: ['depthwise_kernel', 'pointwise_kernel', 'bias'],
  dense: ['kernel', 'bias'],
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
  return legacyFile(file, name, config === undefined ? undefined : parse(config, `${name}: model_config`));
}

/** .keras: a zip of the model's configuration and its .weights.h5. */
export function readKerasZip(bytes: Bytes, name: string, options: ReadOptions = {}): WeightFile {
  const wanted = (entry: string): boolean => entry === 'config.json' || entry === 'model.weights.h5';
  const entries = unzip(bytes, name, wanted, options);
  const [config, weights] = [entries.get('config.json'), entries.get('model.weights.h5')];
  if (!config || !weights) throw new MoonletError(`${name}: the zip has no config.json and model.weights.h5`);
  if (config.length > most.config) throw new MoonletError(`${name}: its config.json is too long`);
  const layers = parse(new TextDecoder().decode(config), `${name}: config.json`);
  return weightsFile(readHdf5(weights, `${name}: model.weights.h5`), 'keras', name, layers);
}

interface Layer {
  readonly kind: string;
  readonly name: string;
  readonly eps?: number;
}

/** The layers of a model's configuration, in the model's order. */
function parse(json: string, where: string): readonly Layer[] {
  let model: unknown;
  try {
    model = JSON.parse(json);
  } catch {
    throw new MoonletError(`${where} is not JSON; the file is damaged`);
  }
  const layers = at(at(model, 'config'), 'layers');
  if (!Array.isArray(layers)) throw new MoonletError(`${where} lists no layers; the file is damaged`);
  return layers.flatMap((layer): Layer[] => {
    const [kind, name, eps] = [
      at(layer, 'class_name'),
      at(at(layer, 'config'), 'name'),
      at(at(layer, 'config'), 'epsilon'),
    ];
    if (typeof kind !== 'string' || typeof name !== 'string') return [];
    return [{ kind, name, ...(typeof eps === 'number' ? { eps } : {}) }];
  });
}
const at = (x: unknown, key: string): unknown =>
  typeof x === 'object' && x !== null && Object.hasOwn(x, key)
    ? (x as Record<string, unknown>)[key]
    : undefined;

/**
 * The file, with layers that Keras named itself counted from the first: a session's tenth net begins at 'conv2d_57'.
 * Keras 2 calls the kernel of a depthwise conv 'depthwise_kernel', Keras 3 'kernel': it is 'kernel' here.
 */
function fileOf(
  format: Format,
  found: ReadonlyMap<string, ForeignTensor>,
  skipped: readonly string[],
  layers: readonly Layer[] | undefined,
): WeightFile {
  const renamed = counted([...found.keys()].map((key) => key.replace(/\/[^/]*$/, '')));
  const tensors = new Map(
    [...found].map(([key, tensor]) => {
      const cut = key.lastIndexOf('/');
      const layer = key.slice(0, cut);
      return [`${renamed.get(layer) ?? layer}${key.slice(cut)}`, tensor] as const;
    }),
  );
  const eps = layers?.flatMap(({ name, eps }) =>
    eps === undefined ? [] : [[renamed.get(name) ?? name, eps] as const],
  );
  return { format, tensors: plainDepthwise(tensors), skipped, told: eps ? { eps: new Map(eps) } : {} };
}

/** 'conv2d_57', 'conv2d_58' are 'conv2d', 'conv2d_1'. */
function counted(layers: readonly string[]): ReadonlyMap<string, string> {
  const renamed = new Map<string, string>();
  for (const kind of ['conv2d', 'batch_normalization']) {
    const numbers = layers.flatMap((layer) => {
      const found = new RegExp(`^${kind}(?:_(\\d{1,9}))?$`).exec(layer);
      return found ? [Number(found[1] ?? 0)] : [];
    });
    const name = (n: number): string => (n ? `${kind}_${n}` : kind);
    for (const [i, n] of [...new Set(numbers)].sort((a, b) => a - b).entries()) renamed.set(name(n), name(i));
  }
  return renamed;
}

/**
 * 'model_weights/conv1/conv1/kernel:0', or without the first when weights were saved alone, or with names of models
 * around the layer's: the layer is what stands before the variable.
 */
function legacyFile(file: Hdf5, name: string, layers: readonly Layer[] | undefined): WeightFile {
  const tensors = new Map<string, ForeignTensor>();
  const skipped: string[] = [];
  const whole = [...file.datasets.keys()].some((path) => path.startsWith('model_weights/'));
  for (const [path, tensor] of file.datasets) {
    const parts = path.split('/');
    if (whole && parts[0] !== 'model_weights') {
      skipped.push(path);
      continue;
    }
    const key = parts.slice(-2).join('/').replace(/:0$/, '');
    if (tensors.has(key))
      throw new MoonletError(
        `${name}: two of its weights are called ${quote(key)}; save the model again in Keras 3`,
      );
    tensors.set(key, tensor);
  }
  return fileOf('keras-h5', tensors, skipped, layers);
}

/** `kernel` where a layer has a depthwise kernel and no pointwise one. */
export function plainDepthwise(tensors: ReadonlyMap<string, ForeignTensor>): Map<string, ForeignTensor> {
  return new Map(
    [...tensors].map(([key, tensor]) => {
      const layer = key.replace(/\/depthwise_kernel$/, '');
      const alone = layer !== key && !tensors.has(`${layer}/pointwise_kernel`);
      return [alone ? `${layer}/kernel` : key, tensor];
    }),
  );
}

/** 'layers/batch_normalization_3/vars/0': the class, which one of it, which of its variables. */
function weightsFile(file: Hdf5, format: Format, name: string, layers?: readonly Layer[]): WeightFile {
  const tensors = new Map<string, ForeignTensor>();
  const skipped: string[] = [];
  const byClass = new Map<string, string>();
  const counts = new Map<string, number>();
  for (const layer of layers ?? []) {
    const kind = snake(layer.kind);
    const n = counts.get(kind) ?? 0;
    counts.set(kind, n + 1);
    byClass.set(n ? `${kind}_${n}` : kind, layer.name);
  }
  for (const [path, tensor] of file.datasets) {
    const [, group = '', index = ''] = /^layers\/([^/]+)\/vars\/(\d+)$/.exec(path) ?? [];
    const kind = group.replace(/_\d+$/, '');
    const slot = (variables[kind] ?? variables[group])?.[Number(index)];
    if (slot === undefined) {
      skipped.push(path);
      continue;
    }
    const layer = file.text(`layers/${group}/vars`, 'name', most.layer) ?? byClass.get(group);
    if (layer === undefined)
      throw new MoonletError(
        `${name}: does not say the names of its layers, as Keras before 3.8 wrote it; save the whole model as .keras or .h5`,
      );
    tensors.set(`${layer}/${slot}`, tensor);
  }
  return fileOf(format, tensors, skipped, layers);
}

/** Keras's own rule: 'DepthwiseConv2D' is 'depthwise_conv2d', 'Conv2D' 'conv2d'. */
const snake = (kind: string): string =>
  kind
    .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
