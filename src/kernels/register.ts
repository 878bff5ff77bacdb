/** @file Registers Moonlet's kernels for the current tf backend, and their gradients once for all backends. */

import * as tf from '@tensorflow/tfjs-core';
// tfjs-core's entry for Node does not register tf's own gradients; importing tfjs-layers registers all of them. In browsers the
// module that does it is imported directly, since tfjs-layers is a quarter of what they load.
import '#gradients';

/** Inputs by name, attributes as the caller gave them. */
export interface KernelCall<A> {
  readonly inputs: Readonly<Record<string, tf.TensorInfo | undefined>>;
  readonly attrs: A;
}

export interface GradientCall<A> {
  /** The gradients of the outputs, in order; `dy` is the first. */
  readonly dys: readonly tf.Tensor[];
  readonly dy: tf.Tensor;
  /** A saved input or output, by its name. */
  readonly saved: (name: string) => tf.Tensor;
  readonly attrs: A;
}

export interface KernelSpec<A> {
  readonly name: string;
  /** What the kernel computes, written in stock tf ops. */
  readonly compute: (call: KernelCall<A>) => tf.Tensor | tf.Tensor[];
  /** The names of the inputs that the gradient reads. */
  readonly saveInputs?: readonly string[];
  /** A name for each output that the gradient reads; undefined for the others. */
  readonly saveOutputs?: readonly (string | undefined)[];
  /** The gradient of each input, by its name. */
  readonly gradient?: (call: GradientCall<A>) => Record<string, () => tf.Tensor>;
}

const withGradient = new Set<string>();

/** tf passes attributes through as they came, without their type. */
const typed = <A>(attrs: unknown): A => attrs as A;

/**
 * Runs the kernel on the current backend as one op of tf's tape.
 *
 * A backend that brings its own kernel of that name (the tracing backend does) keeps it.
 */
export function run<A extends object>(
  spec: KernelSpec<A>,
  inputs: Readonly<Record<string, tf.Tensor>>,
  attrs: A,
): tf.Tensor[] {
  tf.backend(); // initializes one when there is none yet
  const backendName = tf.getBackend();
  if (!tf.getKernel(spec.name, backendName)) {
    tf.registerKernel({
      kernelName: spec.name,
      backendName,
      kernelFunc: (call) => tf.tidy(() => spec.compute({ inputs: call.inputs, attrs: typed<A>(call.attrs) })),
    });
  }
  registerGradient(spec);
  const outputs: tf.Tensor | tf.Tensor[] = tf
    .engine()
    .runKernel(spec.name, { ...inputs }, Object.fromEntries(Object.entries(attrs)));
  return Array.isArray(outputs) ? outputs : [outputs];
}

function registerGradient<A>({ name, gradient, saveInputs = [], saveOutputs = [] }: KernelSpec<A>): void {
  if (!gradient || withGradient.has(name)) return;
  withGradient.add(name);
  const names = [...saveInputs, ...saveOutputs.flatMap((output) => output ?? [])];
  tf.registerGradient({
    kernelName: name,
    inputsToSave: [...saveInputs],
    outputsToSave: saveOutputs.map((output) => output !== undefined),
    gradFunc: (dy, saved, config) => {
      const dys = Array.isArray(dy) ? dy : [dy];
      const [first] = dys;
      if (!first) throw new Error(`internal: ${name} got no gradient`);
      return gradient({ dys, dy: first, saved: byName(name, names, saved), attrs: typed<A>(config) });
    },
  });
}

/** The gradient of the output of a kernel that has one. */
export function onlyOne(dy: tf.Tensor | tf.Tensor[]): tf.Tensor {
  const [first] = Array.isArray(dy) ? dy : [dy];
  if (!first) throw new Error('internal: no gradient of an output');
  return first;
}

/** Saved tensors, which tf gives as a list, by their names. */
export function byName(
  kernel: string,
  names: readonly string[],
  saved: readonly tf.Tensor[],
): (name: string) => tf.Tensor {
  return (name) => {
    const tensor = saved[names.indexOf(name)];
    if (!tensor) throw new Error(`internal: ${kernel} did not save ${name}`);
    return tensor;
  };
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
export function input(inputs: KernelCall<unknown>['inputs'], name: string): tf.Tensor {
  const tensor = inputs[name];
  if (!(tensor instanceof tf.Tensor)) throw new Error(`internal: no kernel input ${name}`);
  return tensor;
}
