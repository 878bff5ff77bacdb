/** @file The tracing tf backend: its tensors are values of the graph, its kernels append nodes. */

import * as tf from '@tensorflow/tfjs-core';
import { MoonletError } from '../errors.ts';
import { constant } from './build.ts';
import type { Data, Trace, Value, ValueType } from './ir.ts';

export const backendName = 'moonlet-trace';

interface Entry {
  refs: number;
  readonly shape: readonly number[];
  readonly dtype: tf.DataType;
  /** Values that were written from JavaScript. */
  readonly written?: tf.backend_util.BackendValues;
  value?: Value;
}

const remedy =
  'a trace has no numbers yet; compute with tensors (tf.where, tf.maximum, ...), or return what you want to see ' +
  'as an output';

export class TraceBackend extends tf.KernelBackend {
  readonly trace: Trace;
  /** An error that tf's promises would swallow; thrown when the traced function returns. */
  pending: MoonletError | undefined;
  #entries = new Map<tf.DataId, Entry>();
  /** Constants read from tensors of other backends. */
  #captured = new Map<tf.DataId, Value>();

  constructor(trace: Trace) {
    super();
    this.trace = trace;
  }

  /** The graph value of a tensor. A tensor of another backend is read there, once, and becomes a constant. */
  graphValue(tensor: tf.TensorInfo): Value {
    const entry = this.#entries.get(tensor.dataId);
    const known = entry?.value ?? this.#captured.get(tensor.dataId);
    if (known) return known;
    const dtype = valueType(tensor.dtype, 'a constant');
    if (entry) {
      entry.value = constant(this.trace, typed(entry.written, dtype), entry.shape, dtype);
      return entry.value;
    }
    const info = tf.engine().state.tensorInfo.get(tensor.dataId);
    if (!info) {
      throw new MoonletError(
        `jit: a tensor of shape [${tensor.shape.join(', ')}] is used after tf disposed it, as tf.tidy and tf.grads do ` +
          'with what is made inside; tf.keep it there (a trace frees what it keeps)',
      );
    }
    const value = constant(
      this.trace,
      typed(info.backend.readSync(tensor.dataId), dtype),
      tensor.shape,
      dtype,
    );
    this.#captured.set(tensor.dataId, value);
    return value;
  }

  /** Whether `tensor` is alive and was made in this trace. */
  owns(tensor: tf.Tensor): boolean {
    return !tensor.isDisposed && this.#entries.has(tensor.dataId);
  }

  /** The tensor of a graph value. */
  infoOf(value: Value): tf.TensorInfo {
    const dataId = {};
    this.#entries.set(dataId, { refs: 1, shape: value.shape, dtype: value.dtype, value });
    return { dataId, shape: [...value.shape], dtype: value.dtype };
  }

  override write(written: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): tf.DataId {
    const random = randomOp();
    if (random) this.pending ??= randomError(random);
    const dataId = {};
    // a copy, since the caller may change the array later
    const values = Array.isArray(written) ? written : written.slice();
    this.#entries.set(dataId, { refs: 1, shape, dtype, written: values });
    return dataId;
  }

  override move(
    dataId: tf.DataId,
    written: tf.backend_util.BackendValues,
    shape: number[],
    dtype: tf.DataType,
    refs: number,
  ): void {
    this.#entries.set(dataId, { refs, shape, dtype, written });
  }

  override readSync(dataId: object): tf.backend_util.BackendValues {
    const entry = this.#entries.get(dataId);
    if (entry?.written) return entry.written;
    throw this.#readError(entry, 'dataSync() or arraySync()');
  }

  override read(dataId: object): Promise<tf.backend_util.BackendValues> {
    const entry = this.#entries.get(dataId);
    if (entry?.written) return Promise.resolve(entry.written);
    // the traced function cannot await a rejection, so the error is thrown when it returns
    this.pending ??= this.#readError(entry, 'data() or array()');
    return new Promise(() => {});
  }

  #readError(entry: Entry | undefined, how: string): MoonletError {
    const source = entry?.value?.node.source ?? 'unknown';
    const shape = entry?.shape.join(', ') ?? '';
    return new MoonletError(`jit: ${how} of the traced result of ${source} (shape [${shape}]): ${remedy}`);
  }

  override disposeData(dataId: object, force = false): boolean {
    const entry = this.#entries.get(dataId);
    if (!entry) return true;
    entry.refs--;
    if (!force && entry.refs > 0) return false;
    this.#entries.delete(dataId);
    return true;
  }

  override refCount(dataId: tf.DataId): number {
    return this.#entries.get(dataId)?.refs ?? 0;
  }

  override incRef(dataId: tf.DataId): void {
    const entry = this.#entries.get(dataId);
    if (entry) entry.refs++;
  }

  override numDataIds(): number {
    return this.#entries.size;
  }

  override floatPrecision(): 16 | 32 {
    return 32;
  }

  override epsilon(): number {
    return 1e-7;
  }

  override memory(): { unreliable: boolean; reasons: string[] } {
    return { unreliable: true, reasons: ['traced tensors hold no memory'] };
  }

  override timerAvailable(): boolean {
    return false;
  }

  override dispose(): void {
    this.#entries.clear();
    this.#captured.clear();
  }
}

/** The types that a graph can hold. */
export function valueType(dtype: tf.DataType, where: string): ValueType {
  if (dtype === 'float32' || dtype === 'int32' || dtype === 'bool') return dtype;
  throw new MoonletError(
    `jit: ${where} has dtype ${dtype}, which cannot be traced; use float32, int32 or bool`,
  );
}

function typed(values: tf.backend_util.BackendValues | undefined, dtype: ValueType): Data {
  if (!values || Array.isArray(values)) throw new Error('internal: a constant without numbers');
  if (dtype === 'float32') return Float32Array.from(values);
  return dtype === 'int32' ? Int32Array.from(values) : Uint8Array.from(values);
}

/** The random tf op that is running, if one is: tf keeps a scope per op. */
function randomOp(): string | undefined {
  const scopes = tf.engine().state.scopeStack.map((scope) => scope.name);
  const name = scopes.findLast((scope) => /^(rand|truncatedNormal|multinomial).*__op$/.test(scope ?? ''));
  return name?.replace('__op', '');
}

function randomError(op: string): MoonletError {
  return new MoonletError(
    `jit: tf.${op} inside the traced function: its values would be frozen, the same at every step; ` +
      'draw them outside and pass them as an input',
  );
}
