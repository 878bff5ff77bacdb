/**
 * @file Code shared by the Keras formats: weights named by layer and variable, such as 'block_1_expand/kernel',
 * without the folders around these names, and the configuration of the layers.
 */
import { MoonletError, quote } from '../errors.ts';
import type { ForeignTensor, Format, Told, WeightFile } from './file.ts';
import type { KerasLayer, KerasModel } from './keras-config.ts';
import { headOf } from './keras-head.ts';
import { pixelsOf } from './keras-pixels.ts';
import { renewedLayers } from './names/keras.ts';

/** A weight of the file: the folders of its path, including the layer's, and its variable. */
export interface Raw {
  readonly folders: readonly string[];
  readonly variable: string;
  readonly tensor: ForeignTensor;
}

/** @throws MoonletError if two weights have the same name. */
export function fileOf(
  format: Format,
  raw: readonly Raw[],
  skipped: readonly string[],
  described: KerasModel | undefined,
  name: string,
): WeightFile {
  const layers = layersOf(raw, described, name);
  const names = [...layers, ...(described?.layers.map((layer) => layer.name) ?? [])];
  const renamed = new Map([...counted(names), ...renewedLayers(names)]);
  const ours = (layer: string): string => renamed.get(layer) ?? layer;
  const found = new Map(
    raw.map(({ variable, tensor }, i) => [`${ours(layers[i] ?? '')}/${known(variable)}`, tensor] as const),
  );
  const tensors = plainDepthwise(found);
  if (!described) return { format, tensors, skipped, told: normalizationIn(tensors) };
  const model: KerasModel = {
    ...described,
    layers: described.layers.map((layer) => ({ ...layer, name: ours(layer.name) })),
  };
  const told = toldBy(model, tensors);
  const pixels = model.layers.flatMap(({ kind, name }) => (kind === 'Normalization' ? [name] : []));
  const weights = [...tensors].filter(([key]) => !pixels.some((layer) => key.startsWith(`${layer}/`)));
  const rest = [...tensors.keys()].filter((key) => pixels.some((layer) => key.startsWith(`${layer}/`)));
  return { format, tensors: new Map(weights), skipped: [...skipped, ...rest], told };
}

/** The scale of a LayerScale has no name of its own: 'variable', 'variable_1', ..., and 'Variable' in Keras 2. */
const known = (variable: string): string => (/^variable(_\d+)?$/i.test(variable) ? 'gamma' : variable);

function toldBy(model: KerasModel, tensors: ReadonlyMap<string, ForeignTensor>): Told {
  const of = (key: string): Map<string, number> =>
    new Map(
      model.layers.flatMap(({ name, config }) => {
        const value = config[key];
        return typeof value === 'number' ? [[name, value] as const] : [];
      }),
    );
  const [size, head] = [sizeOfInput(model.layers), headOf(model)];
  return {
    layers: new Set(model.layers.map(({ name }) => name)),
    eps: of('epsilon'),
    momentum: of('momentum'),
    pixels: pixelsOf(model, (key) => tensors.get(key)),
    ...(size === undefined ? {} : { size }),
    ...(head ? { head } : {}),
  };
}

/** A layer that is recognized by the name that Keras gives it, if there is no configuration. */
function normalizationIn(tensors: ReadonlyMap<string, ForeignTensor>): Told {
  const layers = [...tensors.keys()].flatMap(
    (key) => /^(normalization(?:_\d+)?)\/mean$/.exec(key)?.[1] ?? [],
  );
  const [mean, variance] = ['mean', 'variance'].map((slot) => tensors.get(`${layers[0]}/${slot}`));
  if (layers.length !== 1 || !mean || !variance) return {};
  return { normalization: { mean: [...mean.read()], variance: [...variance.read()] } };
}

/** From [batch, h, w, c], called batch_input_shape by Keras 2 and batch_shape by Keras 3. */
function sizeOfInput(layers: readonly KerasLayer[]): number | undefined {
  for (const { config } of layers) {
    const shape = config['batch_shape'] ?? config['batch_input_shape'];
    if (!Array.isArray(shape)) continue;
    const [, h, w]: unknown[] = shape;
    return shape.length === 4 && h === w && typeof h === 'number' ? h : undefined;
  }
  return undefined;
}

/**
 * The layer of each weight. Names may contain slashes (Keras 2), and are preceded by the names of models and layers. With a
 * configuration, the layer is the one whose name it contains; in a file with weights only, the layer's name comes twice, or last.
 */
function layersOf(raw: readonly Raw[], model: KerasModel | undefined, name: string): readonly string[] {
  const known = new Set(model?.layers.map((layer) => layer.name));
  const last = raw.map(({ folders }) => {
    const told = folders.findIndex((_, i) => known.has(folders.slice(i).join('/')));
    if (told >= 0) return folders.slice(told).join('/');
    const half = folders.slice(folders.length / 2).join('/');
    return folders.join('/') === `${half}/${half}` ? half : (folders.at(-1) ?? '');
  });
  const repeated = repeatedName(raw, last);
  if (repeated === undefined) return last;
  const all = raw.map(({ folders }) => folders.slice(1).join('/'));
  if (!model && repeatedName(raw, all) === undefined) return all;
  throw new MoonletError(
    `${name}: two weights have the name ${quote(repeated)}; if the file contains several nested models, save only the one to import: model.get_layer(NAME).save("part.keras")`,
  );
}
function repeatedName(raw: readonly Raw[], layers: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return raw
    .map(({ variable }, i) => `${layers[i]}/${variable}`)
    .find((key) => seen.size === seen.add(key).size);
}

/**
 * Renumbers layers with Keras's default names from the first: the tenth net of a session may begin at 'conv2d_57', which
 * becomes 'conv2d' here.
 */
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
 * The kernel of a depthwise conv is 'depthwise_kernel' in Keras 2 and 'kernel' in Keras 3. Here it is 'kernel', unless the
 * layer also has a pointwise kernel.
 */
function plainDepthwise(tensors: ReadonlyMap<string, ForeignTensor>): Map<string, ForeignTensor> {
  return new Map(
    [...tensors].map(([key, tensor]) => {
      const layer = key.replace(/\/depthwise_kernel$/, '');
      const alone = layer !== key && !tensors.has(`${layer}/pointwise_kernel`);
      return [alone ? `${layer}/kernel` : key, tensor];
    }),
  );
}
