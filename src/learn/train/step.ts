/** @file One training step as a pure function: forward, losses, gradients, update. Runs eagerly or traced. */
import * as tf from '@tensorflow/tfjs-core';
import { first, get, item } from '../../access.ts';
import { UsageError } from '../../errors.ts';
import {
  ancestors,
  type Graph,
  inputShape,
  isMap,
  nodesById,
  type Shape,
  shapes,
} from '../../graph/index.ts';
import type { Arrays, Spec, Specs, Tensors, TracedFunction } from '../../jit/index.ts';
import { forward } from '../../read/tfjs/index.ts';
import {
  type Entry,
  entries,
  float,
  materialize,
  type Net,
  type WeightKey,
  type Weights,
} from '../../weights/index.ts';
import type { Loss } from '../loss/loss.ts';
import { classLabels, type Targets } from '../task/task.ts';
import { floatsAt, isWeightKey, rank1, rank2, scalarOf, tensorAt } from '../tensors.ts';
import type { Optimizer } from './optimizer.ts';
import type { Form } from './weight-form.ts';

export interface StepPlan {
  readonly graph: Graph;
  readonly losses: readonly Loss[];
  readonly optimizer: Optimizer;
  readonly batch: number;
  /** What a batch holds beside its images; class labels by default. */
  readonly targets?: Targets;
  /** The teacher's shapes by id, for the values that the losses read. */
  readonly teacher?: ReadonlyMap<string, Shape>;
  /** Nodes whose weights are trained; all by default. */
  readonly trained?: (node: string) => boolean;
  /** What the net sees of the trained weights. */
  readonly form?: Form;
}
export interface Step {
  readonly fn: TracedFunction;
  readonly specs: { readonly state: Specs; readonly inputs: Specs };
  /** Nodes that need noise, with its shape. */
  readonly noise: ReadonlyMap<string, readonly number[]>;
}

/** What a step reads, trains and keeps, worked out from its plan. */
interface Layout {
  /** The node of the logits whose largest value is the guess; undefined when there are no labels, or it is not computed. */
  readonly logits: string | undefined;
  /** Nodes whose values are computed. */
  readonly wanted: readonly string[];
  /** All weights and statistics, those that are trained, and the others. */
  readonly all: readonly Entry[];
  readonly learning: readonly Entry[];
  readonly fixed: readonly Entry[];
  /** The form's own numbers. */
  readonly own: readonly { readonly name: string; readonly shape: readonly number[] }[];
}

function layoutOf({ graph, losses, targets = classLabels, trained = () => true, form }: StepPlan): Layout {
  const read = losses.flatMap((l) => l.student);
  // only what the losses read is computed and trained: FitNets' first stage ends at the guided layer
  const reached = ancestors(graph, read);
  const logits = 'labels' in targets ? firstGuess(graph, reached) : undefined;
  const all = entries(graph);
  const owners = new Set(graph.nodes.filter((n) => reached.has(n.id)).map((n) => n.weightsOf ?? n.id));
  const learning = all.filter((e) => e.trained && owners.has(e.node) && trained(e.node));
  if (!learning.length && !form?.parameters?.size)
    throw new UsageError(
      `${graph.name}: "trained" keeps no node to train; nodes with weights are ${[...owners]
        .filter((id) => all.some((e) => e.node === id && e.trained))
        .slice(-5)
        .join(', ')}, ...`,
    );
  return {
    logits,
    wanted: [...new Set([...(logits === undefined ? [] : [logits]), ...read])],
    all,
    learning,
    fixed: all.filter((e) => !learning.includes(e)),
    own: [...(form?.parameters ?? [])].map(([name, { shape }]) => ({ name: `form/${name}`, shape })),
  };
}

/**
 * State: `weight/KEY` for every weight and statistic, `form/NAME` for a form's own numbers, `SLOT/KEY` and
 * `SLOT/form/NAME` for what the optimizer keeps.
 * Inputs: x, labels (the other targets: `target/NAME`), rate, `optimizer/NAME`, `loss/NAME` (its weight),
 * `setting/LOSS/NAME`, `teacher/ID`, `noise/ID`, `draw/LOSS/NAME`.
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
  };
}

/** One step: the loss and its gradients, then what the optimizer makes of them. */
function update(plan: StepPlan, layout: Layout, state: Tensors, inputs: Tensors): ReturnType<TracedFunction> {
  const { optimizer } = plan;
  const { learning, own } = layout;
  const aux: Record<string, tf.Tensor> = {};
  const loss = totalLoss(plan, layout, { state, inputs, aux });
  const moving = [
    ...learning.map(({ key, slot }) => ({
      name: `weight/${key}`,
      slots: `${key}`,
      decays: slot === 'kernel',
    })),
    ...own.map(({ name }) => ({ name, slots: name, decays: false })),
  ];
  const { value, grads } = tf.valueAndGrads(loss)(moving.map(({ name }) => tensorAt(state, name)));
  const next: Record<string, tf.Tensor> = { ...state };
  const at = {
    rate: scalarOf(tensorAt(inputs, 'rate')),
    number: (name: string) => scalarOf(tensorAt(inputs, `optimizer/${name}`)),
  };
  moving.forEach(({ name, slots: key, decays }, i) => {
    const slots = Object.fromEntries(
      Object.keys(optimizer.slots).map((slot) => [slot, tensorAt(state, `${slot}/${key}`)]),
    );
    const done = optimizer.update(tensorAt(state, name), item(grads, i), slots, { ...at, decays });
    next[name] = done.weight;
    for (const slot of Object.keys(optimizer.slots)) next[`${slot}/${key}`] = tensorAt(done.slots, slot);
  });
  return {
    state: { ...next, ...take(aux, 'weight/') },
    outputs: { loss: value, ...take(aux, 'loss/'), ...take(aux, 'correct') },
  };
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
  { logits, wanted, learning, fixed, own }: Layout,
  { state, inputs, aux }: StepTensors,
): (...values: tf.Tensor[]) => tf.Scalar {
  const note = (name: string, t: tf.Tensor): void => {
    aux[name] = tf.keep(t); // the tape's own scope would free it
  };
  return (...values) => {
    const parameter = (name: string): tf.Tensor =>
      item(values, learning.length + own.findIndex((p) => p.name === `form/${name}`));
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
  { graph, losses, optimizer, batch, targets = classLabels, teacher = new Map() }: StepPlan,
  noise: Step['noise'],
): Specs {
  const scalar: Spec = { shape: [] };
  const inputs: Record<string, Spec> = { x: { shape: [batch, ...inputShape(graph)] }, rate: scalar };
  for (const [name, spec] of Object.entries(targets))
    inputs[targetInput(name)] = { ...spec, shape: [batch, ...spec.shape] };
  for (const name of Object.keys(optimizer.numbers(1))) inputs[`optimizer/${name}`] = scalar;
  for (const l of losses) {
    inputs[`loss/${l.name}`] = scalar;
    for (const name of Object.keys(l.settings ?? {})) inputs[`setting/${l.name}/${name}`] = scalar;
    for (const [name, shape] of Object.entries(l.draws ?? {}))
      inputs[`draw/${l.name}/${name}`] = { shape: [batch, ...shape] };
    for (const id of l.teacher ?? []) inputs[`teacher/${id}`] = { shape: [batch, ...get(teacher, id)] };
  }
  for (const [id, shape] of noise) inputs[`noise/${id}`] = { shape };
  return inputs;
}

function stateSpecs({ optimizer }: StepPlan, { all, learning, own }: Layout): Specs {
  const state: Record<string, Spec> = {};
  for (const { key, shape } of all) state[`weight/${key}`] = { shape };
  for (const { name, shape } of own) state[name] = { shape };
  for (const { name, shape } of [...learning.map((e) => ({ name: e.key, shape: e.shape })), ...own])
    for (const slot of Object.keys(optimizer.slots)) state[`${slot}/${name}`] = { shape };
  return state;
}

/** The input of a step that holds a target. */
export const targetInput = (name: string): string => (name === 'labels' ? name : `target/${name}`);

const take = (all: Tensors, prefix: string): Tensors =>
  Object.fromEntries(Object.entries(all).filter(([key]) => key.startsWith(prefix)));

/** The first output, or the logits before its softmax, if it is a vector that is computed: its largest value is the guess. */
function firstGuess(graph: Graph, reached: ReadonlySet<string>): string | undefined {
  const [output = ''] = graph.outputs;
  const node = nodesById(graph).get(output);
  if (!isVector(graph, output)) return undefined;
  if (reached.has(output)) return output;
  const before = node?.op.kind === 'act' && node.op.fn === 'softmax' ? node.inputs[0] : undefined;
  return before !== undefined && reached.has(before) ? before : undefined;
}
const isVector = (graph: Graph, id: string): boolean => shapes(graph).get(id)?.length === 1;

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

/** A net's first state: its weights, a form's own numbers, and zeros for what the optimizer keeps. */
export function firstState({ weights }: Net, specs: Specs, form?: Form): Arrays {
  return Object.fromEntries(
    Object.entries(specs).map(([key, { shape }]) => {
      const at = key.indexOf('/');
      const [room, name] = [key.slice(0, at), key.slice(at + 1)];
      const own = room === 'form' ? form?.parameters?.get(name) : undefined;
      const weight = room === 'weight' && isWeightKey(name) ? weights.get(name) : own;
      return [
        key,
        weight ? Float32Array.from(materialize(weight)) : new Float32Array(shape.reduce((n, d) => n * d, 1)),
      ];
    }),
  );
}

/** A form's own numbers in a state. */
export const parametersIn = (form: Form, state: Arrays): ReadonlyMap<string, Float32Array> =>
  new Map([...(form.parameters?.keys() ?? [])].map((name) => [name, floatsAt(state, `form/${name}`)]));

/** The weights in a state. */
export function weightsIn(graph: Graph, state: Arrays): Weights {
  return new Map(
    entries(graph).map(({ key, shape }) => [key, float(shape, floatsAt(state, `weight/${key}`))]),
  );
}
