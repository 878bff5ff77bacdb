/** @file One training step as a pure function: forward, losses, gradients, update. Runs eagerly or traced. */
import * as tf from '@tensorflow/tfjs-core';
import { first, get, item } from '../../access.ts';
import { MoonletError } from '../../errors.ts';
import { type Graph, inputShape, isMap, nodesById, shapes } from '../../graph/index.ts';
import type { Spec, Specs, Tensors, TracedFunction } from '../../jit/index.ts';
import { forward } from '../../read/tfjs/index.ts';
import type { WeightKey } from '../../weights/index.ts';
import { classLabels } from '../task/task.ts';
import { rank1, rank2, scalarOf, tensorAt } from '../tensors.ts';
import { freshPlace, freshShare } from './fresh.ts';
import { type Layout, layoutOf, type StepPlan, stateSpecs } from './layout.ts';
import { averagePlace } from './state.ts';
import { stepKey } from './step-key.ts';
import { variablePlace } from './variables.ts';

export type { StepPlan } from './layout.ts';

export interface Step {
  readonly fn: TracedFunction;
  readonly specs: { readonly state: Specs; readonly inputs: Specs };
  /** Nodes that need noise, with its shape. */
  readonly noise: ReadonlyMap<string, readonly number[]>;
  /** All that the step depends on, as a text for `prepare`; undefined where functions of others take part. */
  readonly key: string | undefined;
}

/**
 * State: `weight/KEY` for every weight and statistic, `form/NAME` for a form's own numbers, `SLOT/KEY` and
 * `SLOT/form/NAME` for what the optimizer keeps, `average/KEY` and `average/form/NAME` for moving averages.
 * `fresh/KEY` has the number of the warm-up, from 1, where growth made a weight anew. `variable/LOSS/NAME` is what a loss keeps; where it is trained, `SLOT/variable/LOSS/NAME` too.
 * Inputs: x, labels (the other targets: `target/NAME`), rate, `average/kept` of a moving average, `optimizer/NAME`, `loss/NAME` (its weight),
 * `setting/LOSS/NAME`, `teacher/ID`, `noise/ID`, `draw/LOSS/NAME`, `pick/LOSS/NAME`, `examples` (their numbers, if a loss reads them).
 * Outputs: loss, `loss/NAME` before weighting, and, when there are labels and the first output is computed, correct: the
 * count of its right first guesses in the batch.
 */
export function step(plan: StepPlan): Step {
  const layout = layoutOf(plan);
  const noise = noiseShapes(plan.graph, plan.batch);
  return {
    fn: (state, inputs) => update(plan, layout, state, inputs),
    specs: { state: stateSpecs(plan, layout), inputs: inputSpecs(plan, noise) },
    noise,
    key: stepKey(plan),
  };
}

/** One step: the loss and its gradients, then what the optimizer makes of them. */
function update(plan: StepPlan, layout: Layout, state: Tensors, inputs: Tensors): ReturnType<TracedFunction> {
  const { optimizer, scale = () => 1, fresh } = plan;
  const { learning, own } = layout;
  const aux: Record<string, tf.Tensor> = {};
  const loss = totalLoss(plan, layout, { state, inputs, aux });
  const moving = [
    ...learning.map(({ key, slot, node }) => ({
      name: `weight/${key}`,
      slots: `${key}`,
      isFresh: fresh?.has(key) ?? false,
      decays: slot === 'kernel',
      share: scale(node),
    })),
    // kernels that a loss trains decay as those of the net do
    ...own.map(({ name, shape }) => ({
      ...{ name, slots: name, share: 1, isFresh: false },
      decays: name.startsWith('variable/') && shape.length > 1,
    })),
  ];
  const { value, grads } = valueAndGradients(
    loss,
    moving.map(({ name }) => tensorAt(state, name)),
  );
  const next: Record<string, tf.Tensor> = { ...state };
  const rateOf = ratesIn(inputs);
  const at = {
    number: (name: string) => scalarOf(tensorAt(inputs, `optimizer/${name}`)),
  };
  moving.forEach(({ name, slots: key, decays, share, isFresh }, i) => {
    const slots = Object.fromEntries(
      Object.keys(optimizer.slots).map((slot) => [slot, tensorAt(state, `${slot}/${key}`)]),
    );
    const done = optimizer.update(tensorAt(state, name), item(grads, i), slots, {
      ...at,
      decays,
      rate: rateOf(share),
    });
    next[name] = isFresh ? warmed(state, inputs, { name, key, to: done.weight }) : done.weight;
    for (const slot of Object.keys(optimizer.slots)) next[`${slot}/${key}`] = tensorAt(done.slots, slot);
  });
  const after = { ...next, ...take(aux, 'weight/'), ...take(aux, 'variable/') };
  return {
    state: { ...after, ...averagesOf(layout, { before: state, after, inputs }) },
    outputs: { loss: value, ...take(aux, 'loss/'), ...take(aux, 'correct') },
  };
}

/**
 * The loss and its gradients, zero for what it does not depend on: the derivatives of logits by the input lack the classifier's bias.
 * @throws MoonletError when it depends on none.
 */
function valueAndGradients(
  loss: (...values: tf.Tensor[]) => tf.Scalar,
  values: tf.Tensor[],
): { readonly value: tf.Scalar; readonly grads: readonly tf.Tensor[] } {
  const { value, grads } = tf.engine().gradients(() => loss(...values), values, undefined, true);
  const known: readonly (tf.Tensor | undefined)[] = grads;
  if (values.length && known.every((g) => !g))
    throw new MoonletError('the losses do not depend on any weight that is trained; add one that does');
  return { value, grads: values.map((v, i) => known[i] ?? tf.zerosLike(v)) };
}

/** A weight after a step, of which its new parts take a share. */
function warmed(
  state: Tensors,
  inputs: Tensors,
  { name, key, to }: { readonly name: string; readonly key: string; readonly to: tf.Tensor },
): tf.Tensor {
  const from = tensorAt(state, name);
  const [mask, missing] = [tensorAt(state, freshPlace(key)), tf.sub(1, tensorAt(inputs, freshShare))];
  const parts = Array.from({ length: missing.size }, (_, i) => {
    const isOfIt = missing.size > 1 ? tf.cast(tf.equal(mask, i + 1), 'float32') : mask;
    return tf.mul(isOfIt, tf.slice(missing, [i], [1]));
  });
  const held = parts.length > 1 ? tf.addN(parts) : first(parts);
  return tf.add(to, tf.mul(held, tf.sub(from, to)));
}

/** The learning rate by its share, one multiplication for each share. */
function ratesIn(inputs: Tensors): (share: number) => tf.Scalar {
  const rate = scalarOf(tensorAt(inputs, 'rate'));
  const known = new Map<number, tf.Scalar>([[1, rate]]);
  return (share) => {
    const scaled = known.get(share) ?? tf.mul<tf.Scalar>(rate, share);
    known.set(share, scaled);
    return scaled;
  };
}

/** The moving averages after a step: value + kept * (before - value), exactly the values where kept is 0. */
function averagesOf(
  { averaged }: Layout,
  { before, after, inputs }: { readonly before: Tensors; readonly after: Tensors; readonly inputs: Tensors },
): Tensors {
  return Object.fromEntries(
    averaged.map(({ name }) => {
      const place = averagePlace(name);
      const value = tensorAt(after, name.startsWith('form/') ? name : `weight/${name}`);
      const apart = tf.sub(tensorAt(before, place), value);
      return [place, tf.add(value, tf.mul(apart, tensorAt(inputs, 'average/kept')))];
    }),
  );
}

interface StepTensors {
  readonly state: Tensors;
  readonly inputs: Tensors;
  /** Filled with what the forward pass gives besides the loss: statistics, each loss, the count of right guesses. */
  readonly aux: Record<string, tf.Tensor>;
}
/** The weighted sum of the losses, as a function of the trained weights and then the form's own numbers. */
function totalLoss(
  { graph, losses, trained = () => true, form }: StepPlan,
  { logits, wanted, learning, fixed, own, kept }: Layout,
  { state, inputs, aux }: StepTensors,
): (...values: tf.Tensor[]) => tf.Scalar {
  const note = (name: string, t: tf.Tensor): void => {
    aux[name] = tf.keep(t); // the tape's own scope would free it
  };
  return (...values) => {
    const trainedAt = (place: string): tf.Tensor =>
      item(values, learning.length + own.findIndex((p) => p.name === place));
    const parameter = (name: string): tf.Tensor => trainedAt(`form/${name}`);
    const isKept = new Set(kept.map((v) => v.name));
    const weights: Record<WeightKey, tf.Tensor> = {};
    for (const { key } of fixed) weights[key] = tensorAt(state, `weight/${key}`);
    for (const [i, { key }] of learning.entries())
      weights[key] = form ? form.through(key, item(values, i), parameter) : item(values, i);
    const x = tensorAt(inputs, 'x');
    const run = forward(graph, weights, x, {
      training: true,
      values: wanted,
      noise: (id) => tensorAt(inputs, `noise/${id}`),
      frozen: (id) => !trained(id),
      ...(form?.rounding ? { rounding: (id, op, t) => form.rounding?.(id, op, t, parameter) } : {}),
    });
    for (const [key, value] of run.statistics) note(`weight/${key}`, value);
    if (logits !== undefined)
      note('correct', correct(rank2(get(run.values, logits)), rank1(tensorAt(inputs, 'labels'))));
    const terms = losses.map((l) => {
      const value = l.compute({
        student: (id) => get(run.values, id),
        teacher: (id) => tensorAt(inputs, `teacher/${id}`),
        get labels() {
          return rank1(tensorAt(inputs, 'labels'));
        },
        labelShares: (classes) => sharesOf(inputs, classes),
        target: (name) => tensorAt(inputs, targetInput(name)),
        setting: (name) => scalarOf(tensorAt(inputs, `setting/${l.name}/${name}`)),
        x,
        draw: (name) => tensorAt(inputs, `draw/${l.name}/${name}`),
        pick: (name) => rank1(tensorAt(inputs, `pick/${l.name}/${name}`)),
        get examples() {
          return rank1(tensorAt(inputs, 'examples'));
        },
        variable: (name) => {
          const place = variablePlace(l.name, name);
          return isKept.has(place) ? tensorAt(state, place) : trainedAt(place);
        },
        assign: (name, value) => note(variablePlace(l.name, name), tf.clone(value)),
        weight: (key) => tensorAt(weights, key),
        parameter,
      });
      note(`loss/${l.name}`, value);
      return tf.mul<tf.Scalar>(value, tensorAt(inputs, `loss/${l.name}`));
    });
    return terms.length > 1 ? tf.addN<tf.Scalar>(terms) : first(terms);
  };
}

function inputSpecs(
  {
    graph,
    losses,
    optimizer,
    batch,
    averaged,
    fresh,
    warmups = 1,
    targets = classLabels,
    teacher = new Map(),
  }: StepPlan,
  noise: Step['noise'],
): Specs {
  const scalar: Spec = { shape: [] };
  const inputs: Record<string, Spec> = { x: { shape: [batch, ...inputShape(graph)] }, rate: scalar };
  for (const [name, spec] of Object.entries(targets))
    inputs[targetInput(name)] = { ...spec, shape: [batch, ...spec.shape] };
  if (averaged) inputs['average/kept'] = scalar;
  if (fresh) inputs[freshShare] = { shape: [warmups] };
  for (const name of Object.keys(optimizer.numbers(1))) inputs[`optimizer/${name}`] = scalar;
  for (const l of losses) {
    inputs[`loss/${l.name}`] = scalar;
    for (const name of Object.keys(l.settings ?? {})) inputs[`setting/${l.name}/${name}`] = scalar;
    for (const [name, shape] of Object.entries(l.draws ?? {}))
      inputs[`draw/${l.name}/${name}`] = { shape: [batch, ...shape] };
    for (const [name, { count }] of Object.entries(l.picks ?? {}))
      inputs[`pick/${l.name}/${name}`] = { shape: [count], dtype: 'int32' };
    if (l.readsExamples) inputs['examples'] = { shape: [batch], dtype: 'int32' };
    for (const id of l.teacher ?? []) inputs[`teacher/${id}`] = { shape: [batch, ...get(teacher, id)] };
  }
  for (const [id, shape] of noise) inputs[`noise/${id}`] = { shape };
  return inputs;
}

/** The input of a step that holds a target. */
export const targetInput = (name: string): string => (name === 'labels' ? name : `target/${name}`);

const take = (all: Tensors, prefix: string): Tensors =>
  Object.fromEntries(Object.entries(all).filter(([key]) => key.startsWith(prefix)));

/** Labels as shares of the classes, [batch, classes]: one-hot, or mixed with those of the partners. */
function sharesOf(inputs: Tensors, classes: number): tf.Tensor2D {
  const oneHot = (name: string): tf.Tensor2D =>
    rank2(tf.cast(tf.oneHot(rank1(tensorAt(inputs, name)), classes), 'float32'));
  const shares = inputs[targetInput('shares')];
  if (!shares) return oneHot('labels');
  const share = tf.expandDims(shares, 1);
  return rank2(
    tf.add(tf.mul(oneHot('labels'), share), tf.mul(oneHot(targetInput('partners')), tf.sub(1, share))),
  );
}

/** How many rows have their largest logit at the label. */
const correct = (logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar =>
  tf.sum(tf.cast(tf.equal(tf.argMax(logits, 1), labels), 'float32'));

function noiseShapes(graph: Graph, batch: number): ReadonlyMap<string, readonly number[]> {
  const shapeById = shapes(graph);
  const all = new Map<string, readonly number[]>();
  for (const { id, op } of nodesById(graph).values()) {
    if (op.kind !== 'dropout' && op.kind !== 'dropPath') continue;
    const shape = get(shapeById, id);
    const one: readonly number[] = isMap(shape) ? [1, 1, 1] : [1];
    all.set(id, [batch, ...(op.kind === 'dropout' ? shape : one)]);
  }
  return all;
}
