/** @file Peak memory of a process that trains, compared with PyTorch's, and what a step must keep. */
import { get } from '../../../src/access.ts';
import { caseOf } from '../../../src/bench/cases.ts';
import { type Kind, shapes, sizeOf } from '../../../src/graph/index.ts';
import { table } from '../../lib/markdown.ts';
import { againstPyTorch, trainingCases } from './cases.ts';
import type { RowKind } from './figure.ts';

/** Kinds of nodes whose outputs a backward pass reads. */
const kept: readonly Kind[] = ['conv', 'norm', 'act', 'add', 'mul'];

export const peaks: RowKind = {
  title: 'Peak memory of training',
  about:
    "The most memory that the process held while its steps were timed. PyTorch runs eagerly, in the faster of its two memory formats: its compiler's process takes more.",
  measure: (plan) =>
    againstPyTorch(plan, { unit: 'MiB', valueOf: (row) => row.peakMiB, goalOf: () => 0.35, quick: true }),
  more: () => [
    "The outputs of the student's convs, norms, activations and sums in a batch, which the backward pass reads, by their shapes:",
    table([[...trainingCases], trainingCases.map((name) => `${keptMiB(name).toFixed(0)} MiB`)], []),
  ],
};

function keptMiB(name: (typeof trainingCases)[number]): number {
  const { graph, batch } = caseOf(name);
  const shapeOf = shapes(graph);
  const numbers = graph.nodes.reduce(
    (sum, { id, op }) => sum + (kept.includes(op.kind) ? sizeOf(get(shapeOf, id)) : 0),
    0,
  );
  return (numbers * batch * 4) / 2 ** 20;
}
