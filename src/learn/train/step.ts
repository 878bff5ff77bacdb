/** @file One training step as a pure function: forward, losses, gradients, update. Runs eagerly or traced. */
import * as tf from '@tensorflow/tfjs-core';
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
import { forward, type WeightTensors } from '../../read/tfjs/index.ts';
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
import type { Optimizer } from './optimizer.ts';
import type { Form } from './weight-form.ts';

export interface StepPlan {
  readonly graph: Graph;
  readonly losses: readonly Loss[];
  readonly optimizer: Optimizer;
  readonly batch: number;
  /** What a batch holds beside its images; class labels unless told. */
  readonly targets?: Targets;
  /** The teacher's shapes by id, for the values that the losses read. */
  readonly teacher?: ReadonlyMap<string, Shape>;
  /** Nodes whose weights are trained; all unless told. */
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

/**
 * State: `weight/KEY` for every weight and statistic, `form/NAME` for a form's own numbers, `SLOT/KEY` and
 * `SLOT/form/NAME` for what the optimizer keeps.
 * Inputs: x, labels (the other targets: `target/NAME`), rate, `optimizer/NAME`, `loss/NAME` (its weight), `setting/LOSS/NAME`, `teacher/ID`, `noise/ID`,
 * `draw/LOSS/NAME`.
 * Outputs: loss, `loss/NAME` before weighting, and, when there are labels and the first output is computed, correct: the
 * count of its right first guesses in the batch.
 */
export function step({
  graph,
  losses,
  optimizer,
  batch,
  targets = classLabels,
  teacher = new Map(),
  trained = () => true,
  form,
}: StepPlan): Step {
  const read = losses.flatMap((l) => l.student);
  // only what the losses read is computed and trained: FitNets' first stage ends at the guided layer
  const reached = ancestors(graph, read);
  const logits = 'labels' in targets ? firstGuess(graph, reached) : undefined;
  const wanted = [...new Set([...(logits === undefined ? [] : [logits]), ...read])];
  const all = entries(graph);
  const owners = new Set(graph.nodes.filter((n) => reached.has(n.id)).map((n) => n.weightsOf ?? n.id));
  const learning = all.filter((e) => e.trained && owners.has(e.node) && trained(e.node));
  const noise = noiseShapes(graph, batch);
  const fixed = all.filter((e) => !learning.includes(e));
  const own = [...(form?.parameters ?? [])].map(([name, { shape }]) => ({ name: `form/${name}`, shape }));

  const fn: TracedFunction = (state, inputs) => {
    const weight = (e: Entry): tf.Tensor => state[`weight/${e.key}`] as tf.Tensor;
    const constants = Object.fromEntries(fixed.map((e) => [e.key, weight(e)]));
    const aux: Record<string, tf.Tensor> = {};
    const note = (name: string, t: tf.Tensor): void => {
      aux[name] = tf.keep(t); // the tape's own scope would free it
    };
    const loss = (...values: tf.Tensor[]): tf.Scalar => {
      const parameter = (name: string): tf.Tensor =>
        values[learning.length + own.findIndex((p) => p.name === `form/${name}`)] as tf.Tensor;
      const seen = (e: Entry, value: tf.Tensor): tf.Tensor =>
        form ? form.through(e.key, value, parameter) : value;
      const weights = {
        ...constants,
        ...Object.fromEntries(learning.map((e, i) => [e.key, seen(e, values[i] as tf.Tensor)])),
      } as WeightTensors;
      const run = forward(graph, weights, inputs['x'] as tf.Tensor, {
        training: true,
        values: wanted,
        noise: (id) => inputs[`noise/${id}`] as tf.Tensor,
        frozen: (id) => !trained(id),
      });
      for (const [key, value] of run.statistics) note(`weight/${key}`, value);
      const labels = inputs['labels'] as tf.Tensor1D;
      if (logits !== undefined) note('correct', correct(run.values.get(logits) as tf.Tensor2D, labels));
      const terms = losses.map((l) => {
        const value = l.compute({
          student: (id) => run.values.get(id) as tf.Tensor,
          teacher: (id) => inputs[`teacher/${id}`] as tf.Tensor,
          labels,
          target: (name) => inputs[targetInput(name)] as tf.Tensor,
          setting: (name) => inputs[`setting/${l.name}/${name}`] as tf.Scalar,
          x: inputs['x'] as tf.Tensor,
          draw: (name) => inputs[`draw/${l.name}/${name}`] as tf.Tensor,
          weight: (key) => weights[key] as tf.Tensor,
          parameter,
        });
        note(`loss/${l.name}`, value);
        return tf.mul(value, inputs[`loss/${l.name}`] as tf.Scalar) as tf.Scalar;
      });
      return terms.length > 1 ? (tf.addN(terms) as tf.Scalar) : (terms[0] as tf.Scalar);
    };
    const moving = [
      ...learning.map((e) => ({
        name: `weight/${e.key}`,
        slots: e.key as string,
        decays: e.slot === 'kernel',
      })),
      ...own.map(({ name }) => ({ name, slots: name, decays: false })),
    ];
    const { value, grads } = tf.valueAndGrads(loss)(moving.map(({ name }) => state[name] as tf.Tensor));
    const next: Record<string, tf.Tensor> = { ...state };
    const at = {
      rate: inputs['rate'] as tf.Scalar,
      number: (name: string) => inputs[`optimizer/${name}`] as tf.Scalar,
    };
    moving.forEach(({ name, slots: key, decays }, i) => {
      const slots = Object.fromEntries(
        Object.keys(optimizer.slots).map((slot) => [slot, state[`${slot}/${key}`] as tf.Tensor]),
      );
      const done = optimizer.update(state[name] as tf.Tensor, grads[i] as tf.Tensor, slots, {
        ...at,
        decays,
      });
      next[name] = done.weight;
      for (const slot of Object.keys(optimizer.slots)) next[`${slot}/${key}`] = done.slots[slot] as tf.Tensor;
    });
    return {
      state: { ...next, ...take(aux, 'weight/') },
      outputs: { loss: value, ...take(aux, 'loss/'), ...take(aux, 'correct') },
    };
  };

  const scalar: Spec = { shape: [] };
  const inputs: Record<string, Spec> = {
    x: { shape: [batch, ...inputShape(graph)] },
    rate: scalar,
  };
  for (const [name, spec] of Object.entries(targets))
    inputs[targetInput(name)] = { ...spec, shape: [batch, ...spec.shape] };
  for (const name of Object.keys(optimizer.numbers(1))) inputs[`optimizer/${name}`] = scalar;
  for (const l of losses) {
    inputs[`loss/${l.name}`] = scalar;
    for (const name of Object.keys(l.settings ?? {})) inputs[`setting/${l.name}/${name}`] = scalar;
    for (const [name, shape] of Object.entries(l.draws ?? {}))
      inputs[`draw/${l.name}/${name}`] = { shape: [batch, ...shape] };
    for (const id of l.teacher ?? [])
      inputs[`teacher/${id}`] = { shape: [batch, ...(teacher.get(id) as Shape)] };
  }
  for (const [id, shape] of noise) inputs[`noise/${id}`] = { shape };
  const state: Record<string, Spec> = {};
  for (const e of all) state[`weight/${e.key}`] = { shape: e.shape };
  for (const { name, shape } of own) state[name] = { shape };
  for (const { name, shape } of [...learning.map((e) => ({ name: e.key, shape: e.shape })), ...own])
    for (const slot of Object.keys(optimizer.slots)) state[`${slot}/${name}`] = { shape };
  return { fn, specs: { state, inputs }, noise };
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

/** How many rows have their largest logit at the label. */
const correct = (logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar =>
  tf.sum(tf.cast(tf.equal(tf.argMax(logits, 1), labels), 'float32'));

function noiseShapes(graph: Graph, batch: number): ReadonlyMap<string, readonly number[]> {
  const shapeById = shapes(graph);
  const all = new Map<string, readonly number[]>();
  for (const { id, op } of nodesById(graph).values()) {
    if (op.kind !== 'dropout' && op.kind !== 'dropPath') continue;
    const shape = shapeById.get(id) as Shape;
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
      const weight = room === 'weight' ? weights.get(name as WeightKey) : own;
      return [
        key,
        weight ? Float32Array.from(materialize(weight)) : new Float32Array(shape.reduce((n, d) => n * d, 1)),
      ];
    }),
  );
}

/** A form's own numbers in a state. */
export const parametersIn = (form: Form, state: Arrays): ReadonlyMap<string, Float32Array> =>
  new Map([...(form.parameters?.keys() ?? [])].map((name) => [name, state[`form/${name}`] as Float32Array]));

/** The weights in a state. */
export function weightsIn(graph: Graph, state: Arrays): Weights {
  return new Map(
    entries(graph).map(({ key, shape }) => [key, float(shape, state[`weight/${key}`] as Float32Array)]),
  );
}
