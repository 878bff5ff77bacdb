/**
 * @file On-the-fly native ensemble. Lan, Zhu and Gong, NeurIPS 2018, arXiv:1806.04606, equations 3 to 8 [152].
 *
 * Branches, each a copy of the net's last stage and classifier with weights of its own, stand on one trunk; a gate weighs
 * them by what leaves the trunk, and their ensemble teaches each:
 *
 *   g = softmax(relu(norm(W pool(trunk)))),  z_e = sum_i g_i z_i
 *   L = sum_i CE(z_i) + CE(z_e) + ramp T^2 sum_i KL(p_e || p_i),  p = softmax(z / T), p_e a constant
 *
 * Three branches, T = 3. The first branch is the student itself, under its own paths: it is what remains when the run
 * ends, and computes what it did among the others. Its own CE is the loss `crossEntropy` beside this one:
 * `[crossEntropy(), one()]`. The authors ramp the divergence up by exp(-5 (1 - t / 80)^2) over 80 of 300 epochs.
 */

import * as tf from '@tensorflow/tfjs-core';
import { get, last } from '../../access.ts';
import { MoonletError } from '../../errors.ts';
import { type Graph, isMap, type Node, onlyOutput, type Shape, select, shapes } from '../../graph/index.ts';
import { classEnd, logitsAt } from '../../read/index.ts';
import { crossEntropyOf } from '../loss/cross-entropy.ts';
import type { LossMaker } from '../loss/loss.ts';
import type { Schedule } from '../loss/schedule.ts';
import { aboveZero, fromZero, settingsOf } from '../loss/settings.ts';
import { stopGradient } from '../loss/stop-gradient.ts';
import { rank2 } from '../tensors.ts';
import { softTargetsOf } from './soft-targets.ts';

export interface OneOptions {
  /** The weight of this loss; 1 by default. */
  readonly weight?: number | Schedule;
  /** How many branches, the student's own included; 3 by default. */
  readonly branches?: number;
  /** The layer at which the branches begin; by default the last stage. */
  readonly from?: string;
  /** The temperature; 3 by default. */
  readonly temperature?: number | Schedule;
  /** The weight of the divergence from the ensemble, which may ramp up; 1 by default. */
  readonly ramp?: number | Schedule;
}

/**
 * On-the-fly native ensemble: branches of the net's last stage, whose gated ensemble teaches each (Lan et al. 2018,
 * arXiv:1806.04606, equations 3 to 8). It needs no teacher; use it together with `crossEntropy`.
 * @throws MoonletError when the net does not part into a trunk and one branch.
 */
export const one =
  ({ weight = 1, branches = 3, from, temperature = 3, ramp = 1 }: OneOptions = {}): LossMaker =>
  ({ student }) => {
    if (!Number.isInteger(branches) || branches < 2 || branches > 16)
      throw new MoonletError(`one: an ensemble has 2 to 16 branches, got ${branches}`);
    const settings = settingsOf({ temperature: [temperature, aboveZero], ramp: [ramp, fromZero] });
    const { logits: own, classes } = classEnd(student);
    const { nodes, logits, gate } = branchesOf(student, from ?? lastStage(student), branches);
    return {
      name: 'one',
      weight,
      constants: {},
      ...settings,
      student: [own, ...logits, gate],
      targets: ['labels'],
      softLabels: true,
      beside: nodes,
      notes: [
        `one: ${branches - 1} more branches from ${from ?? lastStage(student)} and a gate (gone after training)`,
      ],
      compute: (at) => {
        const z = [own, ...logits].map((id) => rank2(at.student(id)));
        const ensemble = ensembleOf(z, rank2(at.student(gate)));
        const hard = [...z.slice(1), ensemble].map((x) =>
          crossEntropyOf(x, at.labelShares(classes), classes),
        );
        const target = stopGradient(ensemble);
        const soft = z.map((x) => softTargetsOf(x, target, at.setting('temperature')));
        return tf.add<tf.Scalar>(tf.addN(hard), tf.mul(tf.addN(soft), at.setting('ramp')));
      },
    };
  };

/** sum_i g_i z_i: the logits of each branch, [batch, classes], by the gate, [batch, branches]. */
export function ensembleOf(logits: readonly tf.Tensor2D[], gate: tf.Tensor2D): tf.Tensor2D {
  const [batch] = gate.shape;
  const terms = logits.map((z, i) => tf.mul(z, tf.slice(gate, [0, i], [batch, 1])));
  return rank2(tf.addN(terms));
}

function lastStage(graph: Graph): string {
  const stages = graph.nodes.flatMap((n) => /^stage\d+(?=\/)/.exec(n.id)?.[0] ?? []);
  const last = stages.at(-1);
  if (last) return last;
  throw new MoonletError(`one: ${graph.name} names no stages; say where branches begin by "from"`);
}

interface Branches {
  readonly nodes: readonly Node[];
  /** The logits of the branches beside the student's own. */
  readonly logits: readonly string[];
  readonly gate: string;
}

/** Copies of all from a path on, under `branch2/`, `branch3/`, ..., and the gate over them all. */
export function branchesOf(graph: Graph, from: string, count: number): Branches {
  const inBranch = new Set(select(graph).under(from).ids);
  if (!inBranch.size) throw new MoonletError(`one: ${graph.name} has no node under "${from}"`);
  for (const n of graph.nodes) if (n.inputs.some((id) => inBranch.has(id))) inBranch.add(n.id);
  const branch = graph.nodes.filter((n) => inBranch.has(n.id));
  const trunks = new Set(branch.flatMap((n) => n.inputs.filter((id) => !inBranch.has(id))));
  const [trunk, ...more] = trunks;
  const own = onlyOutput(graph);
  if (trunk === undefined || more.length || !inBranch.has(own))
    throw new MoonletError(
      `one: what begins at "${from}" reads ${trunks.size} values of ${graph.name} (${[...trunks].slice(0, 3).join(', ')}); a branch reads one`,
    );
  const copies = Array.from({ length: count - 1 }, (_, k) => {
    const name = (id: string): string => (inBranch.has(id) ? `branch${k + 2}/${id}` : id);
    return branch.map(({ weightsOf, ...n }) => ({
      ...n,
      id: name(n.id),
      inputs: n.inputs.map(name),
      ...(weightsOf === undefined ? {} : { weightsOf: name(weightsOf) }),
    }));
  });
  const gate = gateNodes(trunk, get(shapes(graph), trunk), count);
  return {
    nodes: [...copies.flat(), ...gate],
    logits: copies.map((_, k) => `branch${k + 2}/${logitsAt(graph)}`),
    gate: last(gate).id,
  };
}

function gateNodes(trunk: string, shape: Shape, out: number): readonly Node[] {
  const pool: readonly Node[] = isMap(shape)
    ? [{ id: 'gate/globalPool', op: { kind: 'globalPool', fn: 'avg' }, inputs: [trunk] }]
    : [];
  const pooled = pool[0]?.id ?? trunk;
  const norm = { kind: 'norm', eps: 1e-5, momentum: 0.9, scale: true, offset: true } as const;
  return [
    ...pool,
    { id: 'gate/dense', op: { kind: 'dense', out, bias: true }, inputs: [pooled] },
    { id: 'gate/norm', op: norm, inputs: ['gate/dense'] },
    { id: 'gate/relu', op: { kind: 'act', fn: 'relu' }, inputs: ['gate/norm'] },
    { id: 'gate/softmax', op: { kind: 'act', fn: 'softmax' }, inputs: ['gate/relu'] },
  ];
}
