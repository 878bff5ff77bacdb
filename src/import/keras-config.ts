/**
 * @file Reads the configuration of a Keras model from .h5, .keras and model.json: one list of layers, in which nested
 * models (from transfer learning) are expanded. Keras 2 and Keras 3 write calls of layers in different ways.
 */
import { MoonletError } from '../errors.ts';

export type Config = Readonly<Record<string, unknown>>;
export interface KerasLayer {
  readonly kind: string;
  readonly name: string;
  readonly config: Config;
  /** The layers that its first call reads, as places in the list. */
  readonly inputs: readonly number[];
  /** What else the call was given, such as the 127.5 of x / 127.5. */
  readonly constants: readonly unknown[];
  /** A constant stands before the layers, as in 1 - x. */
  readonly turned: boolean;
}
/** A layer as it stands in its model: files of weights number layers by class within each model. */
export interface KerasTree {
  readonly kind: string;
  readonly name: string;
  readonly layers?: readonly KerasTree[];
}
export interface KerasModel {
  readonly layers: readonly KerasLayer[];
  readonly outputs: readonly number[];
  readonly tree: readonly KerasTree[];
}

const textOf = (x: unknown): string => (typeof x === 'string' ? x : '');
/** The operation that a layer without weights stands for: 'math.truediv' of Keras 2's TFOpLambda, 'TrueDivide' of Keras 3. */
export const sourceOf = ({ kind, config }: KerasLayer): string =>
  kind === 'TFOpLambda' ? textOf(config['function']) : kind;

/** Models within models: far more than anybody nests, far fewer than a stack holds. */
const deepest = 50;

/** @throws MoonletError when the text is not JSON or lists no layers. */
export function parseKerasModel(json: string, where: string): KerasModel {
  let model: unknown;
  try {
    model = JSON.parse(json);
  } catch {
    throw new MoonletError(`${where} is not JSON; the file is damaged`);
  }
  const parsed = kerasModel(model);
  if (!parsed) throw new MoonletError(`${where} lists no layers; the file is damaged`);
  return parsed;
}

/** The model that parsed JSON describes; undefined when it lists no layers. */
export function kerasModel(model: unknown): KerasModel | undefined {
  const [config, kind] = [field(model, 'config'), field(model, 'class_name')];
  if (!listOf(config)) return undefined;
  const layers: KerasLayer[] = [];
  const outputs = flatten(config, kind, [], layers, 0);
  return { layers, outputs, tree: treeOf(config, 0) };
}

const isObject = (x: unknown): x is Config => typeof x === 'object' && x !== null;
export const field = (x: unknown, key: string): unknown =>
  isObject(x) && Object.hasOwn(x, key) ? x[key] : undefined;
const configOf = (x: unknown): Config => (isObject(x) && !Array.isArray(x) ? x : {});
/** The layers of a model's configuration; Keras before 2.3 has those of a Sequential as the configuration itself. */
const listOf = (config: unknown): readonly unknown[] | undefined => {
  const layers = Array.isArray(config) ? config : field(config, 'layers');
  return Array.isArray(layers) ? layers : undefined;
};
const nameOf = (layer: unknown): string =>
  textOf(field(layer, 'name')) || textOf(field(field(layer, 'config'), 'name'));

function treeOf(config: unknown, depth: number): readonly KerasTree[] {
  return (listOf(config) ?? []).map((layer) => {
    const within = field(layer, 'config');
    const own = { kind: textOf(field(layer, 'class_name')), name: nameOf(layer) };
    return listOf(within) && depth < deepest ? { ...own, layers: treeOf(within, depth + 1) } : own;
  });
}

/** Appends a model's layers to the list. Gives the places of its outputs; `fed` are the places that its inputs are. */
function flatten(
  config: unknown,
  kind: unknown,
  fed: readonly number[],
  list: KerasLayer[],
  depth: number,
): readonly number[] {
  const sequential = kind === 'Sequential' || Array.isArray(config);
  const places = new Map<string, readonly number[]>();
  const inputs = new Map(calledNames(field(config, 'input_layers')).map((name, i) => [name, fed[i]]));
  let last = fed;
  for (const layer of listOf(config) ?? []) {
    const [name, own] = [nameOf(layer), field(layer, 'config')];
    const call = sequential ? undefined : firstCall(field(layer, 'inbound_nodes'));
    const reads = call ? call.names.flatMap((input) => places.get(input) ?? []) : sequential ? last : [];
    const outer = inputs.get(name) ?? (sequential && !places.size ? fed[0] : undefined);
    if (field(layer, 'class_name') === 'InputLayer' && outer !== undefined) last = [outer];
    else if (listOf(own) && depth < deepest)
      last = flatten(own, field(layer, 'class_name'), reads, list, depth + 1);
    else {
      const entry = { kind: textOf(field(layer, 'class_name')), name, config: configOf(own) };
      const { constants = [], turned = false } = call ?? {};
      last = [list.push({ ...entry, inputs: reads, constants, turned }) - 1];
    }
    places.set(name, last);
  }
  if (sequential) return last;
  return calledNames(field(config, 'output_layers')).flatMap((name) => places.get(name) ?? []);
}

/** 'dense' of ["dense", 0, 0], or of each of a list of such. */
function calledNames(calls: unknown): readonly string[] {
  if (!Array.isArray(calls)) return [];
  if (typeof calls[0] === 'string') return [calls[0]];
  return calls.flatMap((call) => (Array.isArray(call) && typeof call[0] === 'string' ? [call[0]] : []));
}

interface FirstCall {
  readonly names: readonly string[];
  readonly constants: readonly unknown[];
  readonly turned: boolean;
}
/** Keras 2: [[["name", 0, 0, {}], ...]], for operations [["name", 0, 0, { y: 127.5 }]]. Keras 3: [{ args, kwargs }]. */
function firstCall(calls: unknown): FirstCall {
  const first: unknown = Array.isArray(calls) ? calls[0] : undefined;
  if (!Array.isArray(first)) {
    const found: Found = { names: [], constants: [], turned: false };
    for (const part of [field(first, 'args'), Object.values(configOf(field(first, 'kwargs')))])
      tensorsIn(part, found, 0);
    return found;
  }
  const tensors: readonly unknown[] = typeof first[0] === 'string' ? [first] : first;
  return {
    names: calledNames(tensors),
    turned: false, // such a layer has no input here: Keras 2 writes ["_CONSTANT_VALUE", -1, 1, { y: ["x", 0, 0] }]
    constants: tensors.flatMap((tensor) =>
      Array.isArray(tensor) ? Object.values(configOf(tensor[3])).filter((value) => value !== null) : [],
    ),
  };
}

interface Found {
  readonly names: string[];
  readonly constants: unknown[];
  turned: boolean;
}
function tensorsIn(part: unknown, found: Found, depth: number): void {
  const [name] = calledNames(field(field(part, 'config'), 'keras_history'));
  if (name !== undefined) {
    found.names.push(name);
    if (found.constants.length) found.turned = true;
  }
  if (name !== undefined) return;
  if (Array.isArray(part) && depth < deepest && !part.every((v) => typeof v === 'number'))
    for (const each of part) tensorsIn(each, found, depth + 1);
  else if (part !== undefined && part !== null) found.constants.push(part);
}
