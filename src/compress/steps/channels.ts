/** @file The step `channels`: remove channels, then fit the layers that lost inputs by least squares if asked. */
import * as z from 'zod';
import type { PruneTarget } from '../../edit/index.ts';
import { wholeShare } from '../../edit/prune/whole-share.ts';
import type { Graph } from '../../graph/index.ts';
import { cost } from '../../read/cost.ts';
import { joined } from '../arrays.ts';
import { count, exampleBatches, share, stepKind, where, whereOf } from '../step-kind.ts';

/** Removes channels: a ratio of each layer's, or down to a share of the net's multiply-adds or parameters. */
export const channels = stepKind({
  schema: z.strictObject({
    step: z.literal('channels'),
    ratio: share.optional(),
    macs: share.optional(),
    params: share.optional(),
    by: z.enum(['l1', 'l2', 'norm-scale', 'geometric-median']).default('l2'),
    scope: z.enum(['layer', 'isomorphic', 'global']).default('layer'),
    /** Widths become multiples of it; by default of 8 where a layer has such a width, else of 1 (see `pruneChannels`). */
    roundTo: count.optional(),
    /** Examples by which layers that lost inputs are fitted to their former values; none by default (see `reconstruct`). */
    reconstruct: count.optional(),
    ...where,
  }),
  main: 'ratio',
  oneOf: ['ratio', 'macs', 'params'],
  needs: (step) => (step.reconstruct === undefined ? undefined : 'fit layers'),
  run: async (net, step, context) => {
    const { by, scope, roundTo, reconstruct: examples } = step;
    const { pruneChannels } = await import('../../edit/index.ts');
    const pruned = pruneChannels(net, targetOf(net.graph, step), {
      ...{ by, scope, ...whereOf(step) },
      ...(roundTo === undefined ? {} : { roundTo }),
    });
    const { reconstruct: _, ...rest } = step;
    const chosen = { ...rest, roundTo: pruned.roundTo };
    if (examples === undefined) return { net: pruned.net, step: chosen };
    const { seed = 0, engine, onReconstruct } = context.options;
    const { reconstruct: fitLayers } = await import('../../learn/structure/index.ts');
    const fitted = await fitLayers(net, pruned, joined(await exampleBatches(context, examples)), {
      seed,
      ...(engine ? { engine } : {}),
      ...(onReconstruct ? { onProgress: onReconstruct } : {}),
    });
    return { net: fitted, step: { ...chosen, reconstruct: examples } };
  },
  contract: 'none',
});

interface Shares {
  readonly ratio?: number | undefined;
  readonly macs?: number | undefined;
  readonly params?: number | undefined;
}

/** Shares of the net's cost as the counts that `pruneChannels` takes. */
function targetOf(graph: Graph, { ratio, macs, params }: Shares): PruneTarget {
  const total = cost(graph);
  if (ratio !== undefined) return { ratio };
  if (macs !== undefined) return { macs: wholeShare(macs, total.macs) };
  if (params !== undefined) return { params: wholeShare(params, total.params) };
  throw new Error('internal: a channels step without ratio, macs and params');
}
