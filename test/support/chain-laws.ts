/** @file The law of agreement for a chain: on this machine's onnxruntime, and in every block by the interpreter. */

import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { both, distance, listOf, withGradients } from '../jit/agree.ts';
import { blockName, everyBlock, interpreted } from './blocks.ts';
import { chainOf, inputsOf, type Plan } from './chains.ts';

type Results = readonly ArrayLike<number>[];

/** A gradient that is zero but for rounding is compared with the others. */
function expectAlike(eager: Results, found: Results, what: string): void {
  const scale = Math.max(...eager.slice(1).map((g) => Math.max(...Array.from(g, Math.abs))));
  for (const [i, result] of eager.entries()) {
    const own = Math.max(...Array.from(result, Math.abs));
    const share = i === 0 ? 1 : own / scale;
    expect(distance(result, found[i] ?? []) * share, `${what}, result ${i}`).to.be.below(1e-4);
  }
}

/** Traced on this machine as eager. */
export async function onThisMachine(plan: Plan): Promise<void> {
  const { fn, shapes } = chainOf(plan);
  const inputs = inputsOf(shapes);
  const { traced, eager } = await both(withGradients(fn, inputs.length), inputs);
  tf.dispose(inputs);
  expectAlike(eager, traced, 'this machine');
}

/** Lowered for every block, in the interpreter, as eager. */
export function inEveryBlock(plan: Plan): void {
  const { fn, shapes } = chainOf(plan);
  const inputs = inputsOf(shapes);
  const whole = withGradients(fn, inputs.length);
  const eager = tf.tidy(() => listOf(whole(...inputs)).map((result) => result.dataSync().slice()));
  for (const block of everyBlock) expectAlike(eager, interpreted(whole, inputs, block), blockName(block));
  tf.dispose(inputs);
}
