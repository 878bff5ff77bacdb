/** @file The view of a tf layer that readers use: its typed configuration, its inputs, and errors that name it. */
import type * as tfl from '@tensorflow/tfjs-layers';
import { pairOf } from '../../access.ts';
import { MoonletError } from '../../errors.ts';
import {
  activations,
  type Conv,
  isMap,
  type Op,
  type OpOf,
  type Pad,
  type Padding,
  type Pair,
  type Shape,
} from '../../graph/index.ts';

type Config = Readonly<Record<string, unknown>>;

export class LayerConfig {
  readonly layer: tfl.layers.Layer;
  readonly kind: string;
  /** The zeros that a ZeroPadding2D before a layer of padding 'valid' adds. */
  readonly zeros: Pad['pads'] | undefined;
  /** The shapes of the values that the layer reads, as our nodes have them. */
  readonly shapes: readonly Shape[];
  readonly #config: Config;
  readonly #inShape: readonly (number | null)[];

  constructor(layer: tfl.layers.Layer, zeros: Pad['pads'] | undefined, shapes: readonly Shape[]) {
    this.layer = layer;
    this.kind = layer.getClassName();
    this.zeros = zeros;
    this.shapes = shapes;
    this.#config = layer.getConfig();
    const inShapes: unknown = layer.inboundNodes[0]?.inputShapes[0];
    this.#inShape = isSizes(inShapes) ? inShapes : [];
  }

  fail(reason: string): never {
    throw new MoonletError(`${this.layer.name}: ${this.kind} ${reason}`);
  }
  get(key: string): unknown {
    return this.#config[key];
  }
  /** Refuses a setting other than these. */
  expect(key: string, ...usual: unknown[]): void {
    const given = this.get(key) ?? null;
    // Keras 2 writes the axis of a norm as a list
    const value: unknown = key === 'axis' && Array.isArray(given) && given.length === 1 ? given[0] : given;
    if (!usual.includes(value))
      this.fail(
        `with ${key} ${JSON.stringify(value)} has no counterpart; expected ${usual.map((u) => u ?? 'none').join(' or ')}`,
      );
  }

  number(key: string): number {
    const value = this.get(key);
    return typeof value === 'number'
      ? value
      : this.fail(`has no number as ${key}, got ${JSON.stringify(value)}`);
  }
  boolean(key: string): boolean {
    const value = this.get(key);
    return typeof value === 'boolean'
      ? value
      : this.fail(`has no boolean as ${key}, got ${JSON.stringify(value)}`);
  }
  /** Height and width, which tf also writes as one number; `usual` where the setting is missing. */
  pair(key: string, usual?: Pair): Pair {
    const value = this.get(key) ?? usual;
    if (typeof value === 'number') return [value, value];
    return isNumbers(value) && value.length ? [value[0] ?? 0, value.at(-1) ?? 0] : this.fail(`has no ${key}`);
  }
  /** A setting of four sides, which tf writes as rows above and below, then columns left and right. */
  sides(key: string): Pad['pads'] {
    const value = this.get(key);
    if (!Array.isArray(value)) return this.fail(`has no ${key}`);
    const [rows, columns] = pairOf<unknown>(value);
    if (!isNumbers(rows) || !isNumbers(columns)) return this.fail(`has no ${key}`);
    const [[top, bottom], [left, right]] = [pairOf(rows), pairOf(columns)];
    return [top, right, bottom, left];
  }
  /** The layer's own padding, or the zeros of the layer before it. */
  padding(): Padding {
    const own = this.get('padding');
    if (this.zeros) return this.zeros;
    return own === 'same' || own === 'valid' ? own : this.fail(`has no padding ${JSON.stringify(own)}`);
  }

  /** The rank of the value that the layer reads, batch included. */
  get rank(): number {
    return this.#inShape.length;
  }
  get channels(): number {
    return this.#inShape.at(-1) ?? this.fail('reads a value with an unknown number of channels');
  }
  /** Outputs a channel, of the depthwise kernel [kh, kw, c, m]: the configuration of a separable conv does not have it. */
  get multiplier(): number {
    return this.layer.weights[0]?.shape[3] ?? this.fail('has no depthwise kernel');
  }
  /** Whether the layer reads a vector of ours. */
  get isVector(): boolean {
    const [shape] = this.shapes;
    return shape !== undefined && !isMap(shape);
  }
  /** The last axis of a map, as a layer may say it. */
  expectLastAxis(): void {
    this.expect('axis', -1, this.rank === 4 ? 3 : 1);
  }

  conv(out: number, groups: number): Conv {
    return {
      kind: 'conv',
      out,
      kernel: this.pair('kernelSize'),
      stride: this.pair('strides'),
      dilation: this.pair('dilationRate', [1, 1]),
      groups,
      padding: this.padding(),
      bias: this.boolean('useBias'),
    };
  }
  pool(fn: 'max' | 'avg'): OpOf<'pool'> {
    const size = this.pair('poolSize');
    return { kind: 'pool', fn, size, stride: this.pair('strides', size), padding: this.padding() };
  }
  /** The layer's activation: none for a linear one. */
  activation(): Op[] {
    const name = this.get('activation');
    if (name === undefined || name === null || name === 'linear') return [];
    // our hardSigmoid is another function than tf's; the other names mean the same
    const fn = activations.find((a) => a === name && a !== 'hardSigmoid');
    return fn
      ? [{ kind: 'act', fn }]
      : this.fail(`with activation ${JSON.stringify(name)} has no counterpart`);
  }
}

const isSizes = (x: unknown): x is readonly (number | null)[] =>
  Array.isArray(x) && x.every((n) => n === null || typeof n === 'number');
const isNumbers = (x: unknown): x is readonly number[] =>
  Array.isArray(x) && x.every((n) => typeof n === 'number');
