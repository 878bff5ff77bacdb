/**
 * @file Reads the classifier that transfer learning added to a Keras model, from the model's configuration: the layers
 * between the last feature map and the output.
 */
import { quote } from '../errors.ts';
import type { Activation } from '../graph/index.ts';
import type { KerasLayer, KerasModel } from './keras-config.ts';

export type HeadStep =
  | { readonly kind: 'dense'; readonly layer: string; readonly units: number; readonly bias: boolean }
  | {
      readonly kind: 'norm';
      readonly layer: string;
      readonly eps: number;
      readonly momentum: number;
      readonly scale: boolean;
      readonly offset: boolean;
    }
  | { readonly kind: 'act'; readonly fn: Activation }
  | { readonly kind: 'dropout'; readonly rate: number }
  | { readonly kind: 'globalPool'; readonly fn: 'avg' | 'max' }
  /** A pool over windows of this size, which must be the whole map. */
  | { readonly kind: 'pool'; readonly fn: 'avg' | 'max'; readonly size: readonly number[] }
  | { readonly kind: 'flatten' };

export interface FileHead {
  /** From the feature map to the output. */
  readonly steps: readonly HeadStep[];
  /** A layer of the classifier that has no counterpart, and why. */
  readonly unread?: string;
  /** An assumption about something that the file does not specify. */
  readonly assumed?: string;
}

const pooling = /^(Global(Average|Max)Pooling2D|(Average|Max)Pooling2D|Flatten|Reshape)$/;
const within =
  /^(Dense|Dropout|Activation|Softmax|ReLU|BatchNormalization|Identity|InputLayer|ActivityRegularization)$/;

/** Undefined if the layers between the output and a pool or Flatten do not form a classifier. */
export function headOf(model: KerasModel): FileHead | undefined {
  const chain: KerasLayer[] = [];
  let pooled = false;
  let place = model.outputs.length === 1 ? model.outputs[0] : undefined;
  while (place !== undefined) {
    const layer = model.layers[place];
    if (
      !layer ||
      !(pooling.test(layer.kind) || (!pooled && (within.test(layer.kind) || pooledLater(model, place))))
    )
      break;
    chain.unshift(layer);
    pooled ||= pooling.test(layer.kind);
    if (layer.inputs.length !== 1) break;
    place = layer.inputs[0];
  }
  if (!pooled || !chain.some((layer) => layer.kind === 'Dense')) return undefined;
  const steps: HeadStep[] = [];
  const before = place === undefined ? undefined : lastOfNet(model, place);
  if (before !== undefined) return { steps, unread: before };
  for (const layer of chain) {
    const own = stepsOf(layer);
    if (typeof own === 'string')
      return { steps, unread: `${layer.kind} ${quote(layer.name)}${own && ` ${own}`}` };
    steps.push(...own);
  }
  return { steps };
}

/** Undefined if the head reads the usual end of a net, an activation after a norm or a sum; otherwise the layer it reads. */
function lastOfNet({ layers }: Pick<KerasModel, 'layers'>, place: number): string | undefined {
  const last = layers[place];
  const source = layers[last?.inputs[0] ?? -1];
  if (last?.kind === 'Dropout') return lastOfNet({ layers }, last.inputs[0] ?? -1);
  const ends =
    last?.kind === 'Multiply' || // hard-swish, as x times its hard sigmoid
    (/^(ReLU|Activation)$/.test(last?.kind ?? '') && /^(BatchNormalization|Add)$/.test(source?.kind ?? ''));
  return ends ? undefined : `${last?.kind ?? 'no layer'} ${quote(last?.name ?? '')} before it`;
}

/** Whether a layer of an unknown kind works on vectors, because a layer before it pools; it then belongs to the head. */
function pooledLater(model: KerasModel, place: number): boolean {
  for (let at: number | undefined = place; at !== undefined; ) {
    const layer: KerasLayer | undefined = model.layers[at];
    if (layer?.inputs.length !== 1 || /^(Depthwise|Separable)?Conv2D$/.test(layer.kind)) return false;
    if (pooling.test(layer.kind)) return true;
    at = layer.inputs[0];
  }
  return false;
}

function stepsOf({ kind, name, config }: KerasLayer): readonly HeadStep[] | string {
  const is = (key: string, ...usual: readonly unknown[]): boolean => usual.includes(config[key] ?? null);
  const number = (key: string, usual: number): number => {
    const value = config[key];
    return typeof value === 'number' ? value : usual;
  };
  switch (kind) {
    case 'Dense': {
      const act = activation(config['activation']);
      if (typeof act === 'string') return act;
      return [
        { kind: 'dense', layer: name, units: number('units', 0), bias: config['use_bias'] !== false },
        ...act,
      ];
    }
    case 'Activation':
      return activation(config['activation']);
    case 'Softmax':
      return [{ kind: 'act', fn: 'softmax' }];
    case 'ReLU':
      if (!is('max_value', null, 6) || !is('negative_slope', null, 0) || !is('threshold', null, 0))
        return 'which is neither relu nor relu6';
      return [{ kind: 'act', fn: config['max_value'] === 6 ? 'relu6' : 'relu' }];
    case 'Dropout':
      return [{ kind: 'dropout', rate: number('rate', 0) }];
    case 'BatchNormalization':
      return [
        {
          kind: 'norm',
          layer: name,
          eps: number('epsilon', 1e-3),
          momentum: number('momentum', 0.99),
          scale: config['scale'] !== false,
          offset: config['center'] !== false,
        },
      ];
    case 'GlobalAveragePooling2D':
    case 'GlobalMaxPooling2D':
      return [{ kind: 'globalPool', fn: kind === 'GlobalMaxPooling2D' ? 'max' : 'avg' }];
    case 'AveragePooling2D':
    case 'MaxPooling2D': {
      const size = [config['pool_size']].flat().filter((n): n is number => typeof n === 'number');
      return [{ kind: 'pool', fn: kind === 'MaxPooling2D' ? 'max' : 'avg', size }];
    }
    case 'Flatten':
      return [{ kind: 'flatten' }];
    case 'Reshape': {
      const shape = config['target_shape'];
      return Array.isArray(shape) && shape.length === 1 ? [{ kind: 'flatten' }] : 'to a map';
    }
    case 'Identity':
    case 'InputLayer':
    case 'ActivityRegularization':
      return [];
    default:
      return '';
  }
}

/** Keras's names for Moonlet's activations; the hard sigmoid of Keras 2 is a different function. */
const functions: Readonly<Record<string, Activation>> = {
  relu: 'relu',
  relu6: 'relu6',
  sigmoid: 'sigmoid',
  softmax: 'softmax',
  tanh: 'tanh',
  swish: 'swish',
  silu: 'swish',
};
function activation(name: unknown): readonly HeadStep[] | string {
  if (name === undefined || name === null || name === 'linear') return [];
  const fn = typeof name === 'string' && Object.hasOwn(functions, name) ? functions[name] : undefined;
  return fn
    ? [{ kind: 'act', fn }]
    : `with activation ${typeof name === 'string' ? quote(name) : 'of its own'}`;
}
