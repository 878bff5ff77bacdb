/** @file The steps of a plan of growth on a graph, without weights: what each makes of it, and what that costs. */
import { channels, type Graph } from '../../graph/index.ts';
import { cost } from '../../read/index.ts';
import { chooseCopies } from '../channels/copies.ts';
import type { WidenOptions } from '../channels/copy-channels.ts';
import type { Preserves } from '../channels/growth.ts';
import { byCopies, replicate } from '../channels/replicate.ts';
import { requestsOf } from '../channels/requests.ts';
import { unitsIn } from './add-units.ts';
import { connectGraph } from './connect.ts';
import { type DeepenOptions, deepenGraph } from './deepen.ts';
import { enlargeGraph } from './enlarge.ts';
import type { Widths } from './widen.ts';

/**
 * One step of a plan, by the key that names it: `widen` (see `widen`), `deepen` (`by` layers, 1 by default), `enlarge`
 * (kernels `to` a size), `units` (see `addUnits`), `connect` (a value `to` a later one).
 */
export type GrowStep =
  | { readonly widen: Widths }
  | {
      readonly deepen: string;
      readonly by?: number | undefined;
      readonly kind?: DeepenOptions['kind'] | undefined;
    }
  | { readonly enlarge: string; readonly to: number }
  | { readonly units: Widths; readonly into?: 'zero' | 'random' | undefined }
  | { readonly connect: string; readonly to: string; readonly by?: 'add' | 'concat' | undefined };
/** What one step gives, without weights: the graph after it, and what that costs. */
export interface Planned {
  readonly step: GrowStep;
  readonly graph: Graph;
  readonly params: number;
  /** Multiply-accumulates for one example. */
  readonly macs: number;
  readonly preserves: Preserves;
}

/** What each step makes of the graph that the one before it made. `plan` does the same with steps that it checks. */
export function planSteps(
  graph: Graph,
  steps: readonly GrowStep[],
  o: WidenOptions = {},
): readonly Planned[] {
  let now = graph;
  return steps.map((step, i) => {
    const { next, preserves } = applied(now, step, { ...o, seed: (o.seed ?? 0) + i });
    now = next;
    const { params, macs } = cost(now);
    return { step, graph: now, params, macs, preserves };
  });
}

/** The graph after one step. */
export function applied(
  graph: Graph,
  step: GrowStep,
  o: WidenOptions,
): { readonly next: Graph; readonly preserves: Preserves } {
  if ('widen' in step)
    return { next: widenGraph(graph, step.widen, o), preserves: o.noise ? 'neither' : 'both' };
  if ('units' in step) {
    const next = unitsIn(graph, step.units, o.seed ?? 0).graph;
    return { next, preserves: step.into === 'random' ? 'neither' : 'both' };
  }
  if ('connect' in step)
    return {
      next: connectGraph(graph, step.connect, step.to, step.by ? { by: step.by } : {}),
      preserves: 'both',
    };
  if ('enlarge' in step) return { next: enlargeGraph(graph, step.enlarge, step.to).graph, preserves: 'both' };
  const deeper = deepenGraph(graph, step.deepen, step.by ?? 1, step.kind ? { kind: step.kind } : {});
  return { next: deeper.graph, preserves: deeper.preserves };
}

/** The graph that `widen` makes. */
function widenGraph(graph: Graph, widths: Widths, { seed = 0, byGroups }: WidenOptions): Graph {
  const all = channels(graph, byGroups ? { byGroups } : {});
  return replicate(graph, all, byCopies(chooseCopies(all, requestsOf(graph, all, widths), seed))).graph;
}
