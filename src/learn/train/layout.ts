/** @file What a training step reads, trains and keeps, worked out from its plan. */
import { UsageError } from '../../errors.ts';
import { ancestors, type Graph, nodesById, type Shape, shapes } from '../../graph/index.ts';
import type { Spec, Specs } from '../../jit/index.ts';
import { type Entry, entries, type WeightKey } from '../../weights/index.ts';
import type { Loss } from '../loss/loss.ts';
import { classLabels, type Targets } from '../task/task.ts';
import { freshPlace } from './fresh.ts';
import type { Optimizer } from './optimizer.ts';
import { variablesOf } from './variables.ts';
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
  /** The share of the learning rate that a node's weights are trained with; 1 by default. */
  readonly scale?: (node: string) => number;
  /** What the net sees of the trained weights. */
  readonly form?: Form;
  /** Weights with new parts, which are trained at a share of the learning rate that each step is given. */
  readonly fresh?: ReadonlySet<WeightKey>;
  /** How many warm-ups there are. */
  readonly warmups?: number;
  /** Whether a moving average of what the steps change is kept. */
  readonly averaged?: boolean;
}

export interface Layout {
  /** The node of the logits whose largest value is the guess; undefined when there are no labels, or it is not computed. */
  readonly logits: string | undefined;
  /** Nodes whose values are computed. */
  readonly wanted: readonly string[];
  /** All weights and statistics, those that are trained, and the others. */
  readonly all: readonly Entry[];
  readonly learning: readonly Entry[];
  readonly fixed: readonly Entry[];
  /** The form's own numbers, then the trained variables of the losses. */
  readonly own: readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** The variables of the losses that are not trained. */
  readonly kept: readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** What is averaged over the steps, by its name in the state without `weight/`: all that a step changes; empty without an average. */
  readonly averaged: readonly { readonly name: string; readonly shape: readonly number[] }[];
}

/** @throws UsageError when nothing is left to train. */
export function layoutOf(plan: StepPlan): Layout {
  const { graph, losses, targets = classLabels, trained = () => true, form } = plan;
  const read = losses.flatMap((l) => l.student);
  // only what the losses read is computed and trained: FitNets' first stage ends at the guided layer
  const reached = ancestors(graph, read);
  const logits = 'labels' in targets ? firstGuess(graph, reached) : undefined;
  const all = entries(graph);
  const owners = new Set(graph.nodes.filter((n) => reached.has(n.id)).map((n) => n.weightsOf ?? n.id));
  const learning = all.filter((e) => e.trained && owners.has(e.node) && trained(e.node));
  if (!learning.length && !form?.parameters?.size)
    throw new UsageError(
      `${graph.name}: nothing is left to train; nodes with weights are ${[...owners]
        .filter((id) => all.some((e) => e.node === id && e.trained))
        .slice(-5)
        .join(', ')}, ...`,
    );
  const formed = [...(form?.parameters ?? [])].map(([name, { shape }]) => ({ name: `form/${name}`, shape }));
  const variables = variablesOf(losses);
  const own = [...formed, ...variables.filter((v) => v.trained)].map(({ name, shape }) => ({ name, shape }));
  const norms = graph.nodes.filter((n) => n.op.kind === 'norm' && reached.has(n.id) && trained(n.id));
  const measuring = new Set(norms.map((n) => n.weightsOf ?? n.id));
  const moving = all.filter((e) => learning.includes(e) || (!e.trained && measuring.has(e.node)));
  return {
    logits,
    wanted: [...new Set([...(logits === undefined ? [] : [logits]), ...read])],
    all,
    learning,
    fixed: all.filter((e) => !learning.includes(e)),
    own,
    kept: variables.filter((v) => !v.trained),
    averaged: plan.averaged ? [...moving.map(({ key, shape }) => ({ name: key, shape })), ...formed] : [],
  };
}

/** The arrays that a step takes and gives. */
export function stateSpecs(
  { optimizer, fresh }: StepPlan,
  { all, learning, own, kept, averaged }: Layout,
): Specs {
  const state: Record<string, Spec> = {};
  for (const { key, shape } of all) state[`weight/${key}`] = { shape };
  for (const { name, shape } of [...own, ...kept]) state[name] = { shape };
  for (const { name, shape } of [...learning.map((e) => ({ name: e.key, shape: e.shape })), ...own])
    for (const slot of Object.keys(optimizer.slots)) state[`${slot}/${name}`] = { shape };
  for (const { key, shape } of learning) if (fresh?.has(key)) state[freshPlace(key)] = { shape };
  for (const { name, shape } of averaged) state[`average/${name}`] = { shape };
  return state;
}

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
