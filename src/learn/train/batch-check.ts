/**
 * @file Checks that batches are large enough. Batch norm needs two values: the variance of one is 0, and what is
 * normalized by it no longer depends on the image. Losses that compare the examples of a batch need as many as they
 * compare.
 */
import { get } from '../../access.ts';
import { MoonletError } from '../../errors.ts';
import { ancestors, type Graph, isMap, printShape, shapes } from '../../graph/index.ts';
import type { Bound } from '../loss/bind.ts';

/**
 * Checks the batch against the losses and batch norms of a run.
 * @throws MoonletError for a batch that is too small for a loss, or for a batch norm that is trained.
 */
export function checkBatchSize(
  { losses, graph, isBeside }: Bound,
  batch: number,
  trained: (node: string) => boolean = () => true,
): void {
  const comparing = losses.find((l) => batch < (l.leastBatch ?? 1));
  if (comparing)
    throw new MoonletError(
      `the loss ${comparing.name} compares ${comparing.leastBatch} examples of a batch, and a batch has ${batch}; take a larger one`,
    );
  const read = losses.flatMap((l) => l.student);
  checkNorms(graph, batch, read, (node) => isBeside(node) || trained(node));
}

/**
 * @throws MoonletError when a norm on the way to `read` would take its statistics over one value a channel: a batch of 1 at a
 * vector or a 1x1 map. Norms that are not trained keep their running statistics, so that any batch will do.
 */
export function checkNorms(
  graph: Graph,
  batch: number,
  read: readonly string[] = graph.outputs,
  trained: (node: string) => boolean = () => true,
): void {
  const reached = ancestors(graph, read);
  const shapeById = shapes(graph);
  for (const { id, op } of graph.nodes) {
    if (op.kind !== 'norm' || !reached.has(id) || !trained(id)) continue;
    const shape = get(shapeById, id);
    if (batch * (isMap(shape) ? shape[0] * shape[1] : 1) < 2)
      throw new MoonletError(
        `${graph.name}: the batch norm ${id} ${printShape(shape)} sees one value a channel in a batch of ${batch}, and one value has no variance; take a batch of 2 or more`,
      );
  }
}
