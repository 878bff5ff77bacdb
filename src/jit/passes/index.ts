/**
 * @file Fusions: passes over the IR before lowering. Each gives a graph that computes the same, for onnxruntime's
 * blocks of so many channels; without blocks only the factors of norms' gradients are taken out.
 *
 * What a pass decides is a node, a value or an entry of `Fusions`, and lowering only reads it. Whether an image will lie in blocks is
 * known only to lowering, which chooses layouts. So the passes make nodes that are right in any layout, and leave that to it.
 */

import type { Fusions } from '../ir.ts';
import type { Recorded } from '../record.ts';
import { centred } from './centred.ts';
import { fusionsOf } from './elementwise.ts';
import { factored } from './factored.ts';
import { gelus } from './gelu.ts';
import { inPhases } from './phases.ts';

/** A graph that is ready to be lowered. */
export interface Fused extends Recorded {
  readonly fusions: Fusions;
}

/** The graph with its fusions, for that many channels in a block. */
export function fuse(recorded: Recorded, block: number | undefined): Fused {
  if (block === undefined)
    return { ...factored(recorded, block), fusions: { sums: new Map(), relus: new Map() } };
  const passes = [gelus, centred, factored, inPhases];
  const rewritten = passes.reduce((graph, pass) => pass(graph, block), recorded);
  return { ...rewritten, fusions: fusionsOf(rewritten, block) };
}
