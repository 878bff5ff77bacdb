/** @file Registers a kernel for whatever tf backend is current, and its gradient once for all. */

import * as tf from '@tensorflow/tfjs-core';
// tfjs-core's entry for Node leaves tf's gradients unregistered; tfjs-layers registers them all, and is where
// they are
import '@tensorflow/tfjs-layers';

/** Inputs by name, attributes as the caller gave them. */
export interface KernelCall<A> {
  readonly inputs: Readonly<Record<string, tf.Tensor>>;
  readonly attrs: A;
}

export interface KernelSpec<A> {
  readonly name: string;
  /** What the kernel computes, written in stock tf ops. */
  readonly compute: (call: KernelCall<A>) => tf.Tensor | tf.Tensor[];
  readonly saveInputs?: readonly string[];
  readonly saveOutputs?: readonly boolean[];
  /** `saved` holds the saved inputs in their order, then the saved outputs. */
  readonly gradient?: (
    dys: readonly tf.Tensor[],
    saved: readonly tf.Tensor[],
    attrs: A,
  ) => Record<string, () => tf.Tensor>;
}

const withGradient = new Set<string>();

/**
 * Runs the kernel on the current backend as one op of tf's tape.
 *
 * A backend that brings a kernel of that name of its own (the tracing one does) keeps it.
 */
export function run<A extends object>(
  spec: KernelSpec<A>,
  inputs: Readonly<Record<string, tf.Tensor>>,
  attrs: A,
): tf.Tensor[] {
  tf.backend(); // initializes one when none is yet
  const backendName = tf.getBackend();
  if (!tf.getKernel(spec.name, backendName)) {
    tf.registerKernel({
      kernelName: spec.name,
      backendName,
      kernelFunc: (call) =>
        tf.tidy(() => spec.compute({ inputs: call.inputs, attrs: call.attrs } as unknown as KernelCall<A>)),
    });
  }
  const { gradient } = spec;
  if (gradient && !withGradient.has(spec.name)) {
    withGradient.add(spec.name);
    tf.registerGradient({
      kernelName: spec.name,
      inputsToSave: [...(spec.saveInputs ?? [])],
      outputsToSave: [...(spec.saveOutputs ?? [])],
      gradFunc: (dy, saved, config) => gradient(Array.isArray(dy) ? dy : [dy], saved, config as unknown as A),
    });
  }
  const outputs: tf.Tensor | tf.Tensor[] = tf
    .engine()
    .runKernel(spec.name, { ...inputs }, { ...attrs } as unknown as tf.NamedAttrMap);
  return Array.isArray(outputs) ? outputs : [outputs];
}

/** The only output of a kernel that has one. */
export function run1<A extends object>(
  spec: KernelSpec<A>,
  inputs: Readonly<Record<string, tf.Tensor>>,
  attrs: A,
): tf.Tensor {
  const [output] = run(spec, inputs, attrs);
  if (!output) throw new Error(`internal: ${spec.name} has no output`);
  return output;
}

/** Input `name` of a kernel call. */
export function input<T extends tf.Tensor = tf.Tensor>(
  inputs: Readonly<Record<string, tf.Tensor>>,
  name: string,
): T {
  const tensor = inputs[name];
  if (!tensor) throw new Error(`internal: no kernel input ${name}`);
  return tensor as T;
}
