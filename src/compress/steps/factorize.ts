/** @file The step `factorize`: layers become several smaller ones of low rank. */
import * as z from 'zod';
import { factorizeMethods } from '../../edit/factorize/factorize-options.ts';
import type { RankChoice } from '../../edit/index.ts';
import { rankContract } from '../contracts.ts';
import { count, needsNothing, share, stepKind } from '../step-kind.ts';

/** Replaces layers by products of smaller ones. */
export const factorize = stepKind({
  schema: z.strictObject({
    step: z.literal('factorize'),
    method: z.enum(factorizeMethods),
    rank: z.union([count, z.tuple([count, count])]).optional(),
    energy: share.optional(),
    params: share.optional(),
    macs: share.optional(),
    vbmf: z.literal(true).optional(),
    where: z.string().optional(),
  }),
  main: 'method',
  oneOf: ['rank', 'energy', 'params', 'macs', 'vbmf'],
  needs: needsNothing,
  run: async (net, step) => {
    const { method, where } = step;
    const ranks = ranksOf(step);
    const edit = await import('../../edit/index.ts');
    return { net: edit.factorize(net, { method, ranks, ...(where === undefined ? {} : { where }) }).net };
  },
  contract: rankContract,
});

interface Ranks {
  readonly rank?: number | [number, number] | undefined;
  readonly energy?: number | undefined;
  readonly params?: number | undefined;
  readonly macs?: number | undefined;
}

function ranksOf({ rank, energy, params, macs }: Ranks): RankChoice {
  if (rank !== undefined) return { rank };
  if (energy !== undefined) return { energy };
  if (params !== undefined) return { params };
  return macs === undefined ? 'vbmf' : { macs };
}
