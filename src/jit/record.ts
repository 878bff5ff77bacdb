/** @file Runs a function on the tracing backend, and always restores tf's state. */

import * as tf from '@tensorflow/tfjs-core';
import { MoonletError } from '../errors.ts';
import { mendTf } from '../kernels/index.ts';
import { backendName, TraceBackend } from './backend.ts';
import { add1, cast, sameShape } from './build.ts';
import { newTrace, type Trace, type Value } from './ir.ts';
import { registerRules } from './rules/index.ts';
import type { Dtype, Spec, Specs, Tensors, TracedFunction } from './types.ts';

/** A function as a graph, with its inputs and results by name. */
export interface Recorded {
  readonly trace: Trace;
  readonly inputs: { readonly state: Values; readonly inputs: Values };
  readonly results: { readonly state: Values; readonly outputs: Values };
  /** The part of the state that is passed in vectors; it is in neither of the records above. */
  readonly joined: readonly Joined[];
}
/** Tensors of the state one after another in a vector. */
export interface Joined {
  readonly names: readonly string[];
  readonly sizes: readonly number[];
  /** The vector that is an input, and its tensors as the function reads them. */
  readonly before: Value;
  readonly parts: readonly Value[];
  readonly after: Value;
}
export type Values = Readonly<Record<string, Value>>;

/** The graph of `fn`; see `trace` for what is thrown. */
export function record(
  fn: TracedFunction,
  specs: { state: Specs; inputs: Specs },
  optimize: boolean,
): Recorded {
  const trace = newTrace(optimize);
  const backend = new TraceBackend(trace);
  return onBackend(backend, () =>
    guarded(backend, () => {
      const state = declare(backend, 'state', specs.state);
      const inputs = declare(backend, 'inputs', specs.inputs);
      const results = fn(state.tensors, inputs.tensors);
      if (backend.pending) throw backend.pending;
      if (!results?.state || !results.outputs) {
        const got = results instanceof Promise ? 'a promise' : 'something else';
        throw new MoonletError(
          `jit: the traced function returned ${got}; return { state, outputs } at once, without await`,
        );
      }
      return {
        trace,
        inputs: { state: state.values, inputs: inputs.values },
        results: {
          state: returnedState(backend, specs.state, results.state),
          outputs: valuesOf(backend, 'outputs', results.outputs),
        },
        joined: [],
      };
    }),
  );
}

function declare(backend: TraceBackend, room: string, specs: Specs): { tensors: Tensors; values: Values } {
  const tensors: Record<string, tf.Tensor> = {};
  const values: Record<string, Value> = {};
  for (const [name, spec] of Object.entries(specs)) {
    const dtype = spec.dtype ?? 'float32';
    backend.trace.source = `${room}.${name}`;
    const value = add1(backend.trace, { kind: 'input', name: `${room}/${name}` }, [], {
      shape: spec.shape,
      dtype,
    });
    values[name] = value;
    const { dataId } = backend.infoOf(value);
    tensors[name] = tf.engine().makeTensorFromDataId(dataId, [...spec.shape], dtype);
  }
  return { tensors, values };
}

function valuesOf(backend: TraceBackend, room: string, tensors: Tensors): Values {
  const values: Record<string, Value> = {};
  for (const [name, tensor] of Object.entries(tensors)) {
    if (!(tensor instanceof tf.Tensor) || tensor.isDisposed) {
      throw new MoonletError(
        `jit: ${room}.${name} is not a live tensor; return tensors that were not disposed`,
      );
    }
    const value = backend.graphValue(tensor);
    values[name] = value.dtype === 'bool' ? cast(backend.trace, value, 'int32') : value;
  }
  return values;
}

const describe = (type: { shape: readonly number[]; dtype?: Dtype | string }): string =>
  `${type.dtype ?? 'float32'} [${type.shape.join(', ')}]`;

function returnedState(backend: TraceBackend, specs: Specs, tensors: Tensors): Values {
  const fitting = (name: string, spec: Spec): void => {
    const tensor = tensors[name];
    if (!tensor)
      throw new MoonletError(`jit: the returned state lacks "${name}"; return every key of the state`);
    if (!sameShape(tensor.shape, spec.shape) || tensor.dtype !== (spec.dtype ?? 'float32')) {
      throw new MoonletError(
        `jit: state "${name}" went in as ${describe(spec)} and came back as ${describe(tensor)}; keep shape and dtype`,
      );
    }
  };
  for (const [name, spec] of Object.entries(specs)) fitting(name, spec);
  for (const name of Object.keys(tensors)) {
    if (!(name in specs)) {
      throw new MoonletError(
        `jit: the returned state has "${name}", which the state specs lack; add it to the specs`,
      );
    }
  }
  return valuesOf(backend, 'state', tensors);
}

/** Runs `work` with `backend` as tf's own, in a scope of its own, and puts the former backend back. */
function onBackend<T>(backend: TraceBackend, work: () => T): T {
  const engine = tf.engine();
  const former: string | undefined = engine.backendName;
  if (former === backendName)
    throw new MoonletError('jit: a traced function traces another; call jit outside of it');
  registerRules();
  mendTf();
  tf.registerBackend(backendName, () => backend, 0);
  try {
    // tf waits only for backends that load asynchronously; this one is set when the call returns
    void tf.setBackend(backendName);
    let result: { value: T } | undefined;
    tf.tidy(() => {
      result = { value: work() };
    });
    if (!result) throw new Error('internal: nothing traced');
    return result.value;
  } finally {
    if (former) void tf.setBackend(former);
    tf.removeBackend(backendName);
  }
}

/** Runs `work`. Refuses writes to variables and random numbers, and disposes the tensors that `work` keeps. */
function guarded<T>(backend: TraceBackend, work: () => T): T {
  const engine = tf.engine();
  const assign = tf.Variable.prototype.assign;
  const mathRandom = Math.random;
  const keep = engine.keep;
  const kept: tf.Tensor[] = [];
  engine.keep = function record<T extends tf.Tensor>(tensor: T): T {
    kept.push(tensor);
    keep.call(engine, tensor);
    return tensor;
  };
  const variables = new Set(Object.keys(engine.state.registeredVariables));
  tf.Variable.prototype.assign = function refuse(this: tf.Variable): void {
    throw new MoonletError(
      `jit: the traced function assigns variable "${this.name}"; a trace writes no variables: take it in as state ` +
        'and return its new value',
    );
  };
  Math.random = () => {
    backend.pending ??= new MoonletError(
      'jit: Math.random (or an unseeded random op of tf) inside the traced function: its values would be frozen, ' +
        'the same at every step; draw them outside and pass them as an input',
    );
    return mathRandom();
  };
  try {
    const result = work();
    for (const name of Object.keys(engine.state.registeredVariables)) {
      if (variables.has(name)) continue;
      throw new MoonletError(
        `jit: the traced function makes variable "${name}"; take it in as state instead`,
      );
    }
    return result;
  } catch (error) {
    throw backend.pending ?? explained(error);
  } finally {
    tf.Variable.prototype.assign = assign;
    Math.random = mathRandom;
    Reflect.deleteProperty(engine, 'keep'); // uncovers the method of the class
    for (const tensor of kept) if (backend.owns(tensor)) tensor.dispose();
    for (const [name, variable] of Object.entries(engine.state.registeredVariables)) {
      if (!variables.has(name)) variable.dispose();
    }
  }
}

/** Replaces tf's message about a kernel without a rule by one that says what to do. */
function explained(error: unknown): unknown {
  const missing =
    error instanceof Error
      ? /[Kk]ernel '([^']+)' (?:not registered )?for backend/.exec(error.message)
      : undefined;
  if (!missing) return error;
  return new MoonletError(
    `jit: tf kernel ${missing[1]} has no rule and cannot be traced; write it with ops that have one ` +
      '(arithmetic, reductions, slices, matMul, the kernels of moonlet), or compute it outside and pass it as an input',
  );
}
