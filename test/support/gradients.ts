/** @file The numbers of PyTorch for single ops, and the same by our engines: values, gradients, finite differences. */
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { type EngineName, prepare, useBackend } from '../../src/engine/index.ts';
import { backendName } from '../../src/jit/backend.ts';
import type { Arrays, Tensors } from '../../src/jit/index.ts';
import { registerRules } from '../../src/jit/rules/index.ts';
import { writtenGradients } from '../../src/kernels/index.ts';
import { registerSecondOrder } from '../../src/kernels/second-order.ts';
import { gradientCases, type TensorFn } from './gradient-cases.ts';
import { expectClose } from './tensors.ts';

/** Numbers that tie and stand on kinks, and numbers that are all apart. */
export const kinds = ['ties', 'apart'] as const;
export type InputKind = (typeof kinds)[number];
interface Numbers {
  readonly inputs: readonly (readonly number[])[];
  readonly y: readonly number[];
  readonly gradients: readonly (readonly number[])[];
}
export interface Reference extends Readonly<Record<InputKind, Numbers>> {
  readonly shapes: readonly (readonly number[])[];
  readonly output: readonly number[];
}

const file = new URL('../kernels/gradients.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { cases: Record<string, Reference> };
export const references: ReadonlyMap<string, Reference> = new Map(Object.entries(cases));

/** The op of a reference. @throws Error when test/support/gradient-cases.ts lacks it. */
export function opOf(name: string): TensorFn {
  const fn = gradientCases[name];
  if (!fn) throw new Error(`no op "${name}" in gradient-cases.ts`);
  return fn;
}

/** w[i], whose product with y is summed for the gradients: as in scripts/reference/gradients.py. */
const weightOf = (i: number): number => (((5 * ((i * i) % 11) + 7 * i) % 16) - 7.5) / 8;

/** y and the gradients of each input kind by an engine: `ties/y`, `ties/0`, `ties/1`, ..., `apart/y`, ... */
async function results(name: string, engine: EngineName): Promise<Arrays> {
  const reference = references.get(name) as Reference;
  const { shapes, output } = reference;
  const fn = opOf(name);
  const keyed = <T>(f: (kind: InputKind, i: number) => T): Record<string, T> =>
    Object.fromEntries(kinds.flatMap((kind) => shapes.map((_, i) => [`${kind}/${i}`, f(kind, i)])));
  const ready = await prepare(
    (_, given) => ({ state: {}, outputs: Object.assign({}, ...kinds.map((kind) => of(kind, given))) }),
    { state: {}, inputs: keyed((_, i) => ({ shape: shapes[i] as readonly number[] })) },
    { engine },
  );
  function of(kind: InputKind, given: Tensors): Record<string, tf.Tensor> {
    const inputs = shapes.map((_, i) => given[`${kind}/${i}`] as tf.Tensor);
    const size = output.reduce((a, b) => a * b, 1);
    const w = tf.tensor(
      Float32Array.from({ length: size }, (_, i) => weightOf(i)),
      [...output],
    );
    const count = reference[kind].gradients.length;
    const loss = (...x: tf.Tensor[]): tf.Tensor =>
      tf.sum(tf.mul(tf.reshape(fn(...x, ...inputs.slice(count)), [...output]), w));
    const grads = tf.grads(loss)(inputs.slice(0, count));
    return {
      [`${kind}/y`]: fn(...inputs),
      ...Object.fromEntries(grads.map((g, i) => [`${kind}/${i}`, g])),
    };
  }
  const run = await ready.run(
    {},
    keyed((kind, i) => Float32Array.from(reference[kind].inputs[i] as readonly number[])),
  );
  await ready.release();
  return run.outputs;
}

/** Slopes at kinks and ties where ours is another subgradient than PyTorch's, and why it stays. */
const departs: Readonly<Record<string, (x: number) => number>> = {
  // tf's own losses (sigmoidCrossEntropy) are right only with -1 at 0; `magnitude` has PyTorch's 0
  'tf.abs': (x) => (x > 0 ? 1 : -1),
};

/** Asserts that values and gradients are PyTorch's, within 1e-5 of the largest. */
export async function expectReference(name: string, engine: EngineName): Promise<void> {
  const found = await results(name, engine);
  for (const kind of kinds) {
    const { y, gradients, inputs } = (references.get(name) as Reference)[kind];
    expectClose(found[`${kind}/y`] as Float32Array, y, 1e-5, `y, ${kind}`);
    const slope = kind === 'ties' ? departs[name] : undefined;
    const wanted = slope ? [(inputs[0] ?? []).map((x, i) => slope(x) * weightOf(i))] : gradients;
    wanted.forEach((gradient, i) => {
      expectClose(found[`${kind}/${i}`] as Float32Array, gradient, 1e-5, `gradient ${i}, ${kind}`);
    });
  }
}

/** The op's gradients by central differences of its values on tf's JavaScript backend, summed in double precision. */
export async function differences(name: string, kind: InputKind, step: number): Promise<number[][]> {
  const { shapes, [kind]: numbers } = references.get(name) as Reference;
  await useBackend('cpu');
  const value = (inputs: readonly (readonly number[])[]): number =>
    tf.tidy(() => {
      const y = opOf(name)(
        ...inputs.map((x, i) => tf.tensor([...x], [...(shapes[i] as number[])], 'float32')),
      );
      return (y.dataSync() as Float32Array).reduce((sum, v, i) => sum + v * weightOf(i), 0);
    });
  return numbers.inputs.slice(0, numbers.gradients.length).map((x, which) =>
    x.map((_, i) => {
      const at = (by: number): number =>
        value(numbers.inputs.map((all, j) => (j === which ? all.with(i, (all[i] as number) + by) : all)));
      return (at(step) - at(-step)) / (2 * step);
    }),
  );
}

/** Which ops run the gradient of each kernel of tf that a trace can hold and that has one, in alphabetic order. */
export async function guards(): Promise<ReadonlyMap<string, readonly string[]>> {
  await useBackend('cpu');
  registerRules();
  registerSecondOrder(); // any test of the same process may have done it
  const kernels = tf.getKernelsForBackend(backendName).map((kernel) => kernel.kernelName);
  const seen = new Map<string, Set<string>>();
  let op = '';
  const restore: (() => void)[] = [];
  for (const kernel of kernels.sort()) {
    const config = tf.getGradient(kernel);
    if (!config || kernel.startsWith('Moonlet')) continue;
    const ops = new Set<string>();
    seen.set(kernel, ops);
    const { gradFunc } = config;
    config.gradFunc = (...call) => {
      ops.add(op);
      return gradFunc(...call);
    };
    restore.push(() => {
      config.gradFunc = gradFunc;
    });
  }
  try {
    for (const [name, { shapes, ties }] of references) {
      op = name;
      tf.tidy(() => {
        const inputs = ties.inputs.map((x, i) => tf.tensor([...x], [...(shapes[i] as number[])], 'float32'));
        const count = ties.gradients.length;
        tf.grads((...x) => tf.sum(opOf(name)(...x, ...inputs.slice(count))))(inputs.slice(0, count));
      });
    }
  } finally {
    for (const undo of restore) undo();
  }
  return new Map([...seen].map(([kernel, ops]) => [kernel, [...ops]]));
}

/** Kernels whose gradient no op here runs, and why none has to. */
export const unguarded: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['Equal', 'Greater', 'Less', 'LessEqual', 'NotEqual'].map((name) => [
      name,
      'its result is true or false',
    ]),
  ),
  LogSoftmax: '`tf.logSoftmax` brings a gradient of its own, which its case holds',
  OneHot: 'its input is whole numbers',
};

/** The rows of the table in docs/tracing.md, the head first: kernel, whose gradient, the cases that hold it. */
export async function guardRows(): Promise<readonly (readonly string[])[]> {
  const named = (ops: readonly string[]): string => {
    const shown = ops.slice(0, 3).map((op) => `\`${op}\``);
    return [...shown, ...(ops.length > 3 ? [`${ops.length - 3} more`] : [])].join(', ');
  };
  const rows = [...(await guards())].map(([kernel, ops]) => [
    kernel,
    writtenGradients.includes(kernel) ? 'ours' : "tf's",
    ops.length ? named(ops) : `none: ${unguarded[kernel] ?? '?'}`,
  ]);
  return [['kernel of tf', 'gradient', 'held to PyTorch by the cases'], ...rows];
}
