/** @file Steps that change single weights or how they are stored: `prune`, `share`, `hash`, `circulate`, `half`, `fold`, `huffman`. */
import * as z from 'zod';
import { fitsHalf, half as halfWeight, packCompact, type Weight } from '../../weights/index.ts';
import { sharingContract, sparsityContract } from '../contracts.ts';
import { needsNothing, share as shareOf, stepKind, where, whereOf } from '../step-kind.ts';

/** The edits, loaded when a step runs: reading steps needs none of them. */
const edits = () => import('../../edit/index.ts');

/** Sets the smallest weights to zero. */
export const prune = stepKind({
  schema: z.strictObject({
    step: z.literal('prune'),
    sparsity: shareOf.lt(1),
    scope: z.enum(['layer', 'global']).default('layer'),
    ...where,
  }),
  main: 'sparsity',
  needs: needsNothing,
  run: async (net, step) => {
    const { pruneWeights } = await edits();
    return { net: pruneWeights(net, step.sparsity, { scope: step.scope, ...whereOf(step) }) };
  },
  contract: (net, _, words) => sparsityContract(net, words),
});

/** Replaces the weights of each kernel by the nearest of a few values. */
export const share = stepKind({
  schema: z.strictObject({
    step: z.literal('share'),
    clusters: z.int().min(2).max(256),
    start: z.enum(['linear', 'density']).default('linear'),
    ...where,
  }),
  main: 'clusters',
  needs: needsNothing,
  run: async (net, step) => {
    const { shareWeights } = await edits();
    return { net: shareWeights(net, { clusters: step.clusters, start: step.start, ...whereOf(step) }) };
  },
  contract: (net, _, words) => sharingContract(net, words),
});

/** Shares weights by a hash of their position. */
export const hash = stepKind({
  schema: z.strictObject({
    step: z.literal('hash'),
    share: shareOf,
    seed: z.int().min(0).default(0),
    ...where,
  }),
  main: 'share',
  needs: needsNothing,
  run: async (net, step) => {
    const { hashWeights } = await edits();
    return { net: hashWeights(net, { share: step.share, seed: step.seed, ...whereOf(step) }) };
  },
  contract: (net, _, words) => sharingContract(net, words),
});

/** Makes each kernel's matrix circulant in blocks. */
export const circulate = stepKind({
  schema: z.strictObject({ step: z.literal('circulate'), block: z.int().min(2), ...where }),
  main: 'block',
  needs: needsNothing,
  run: async (net, step) => {
    const edit = await edits();
    return { net: edit.circulate(net, { block: step.block, ...whereOf(step) }) };
  },
  contract: (net, _, words) => sharingContract(net, words),
});

/** Stores in half precision what is still in float32; arrays that it cannot hold stay. */
export const half = stepKind({
  schema: z.strictObject({ step: z.literal('half') }),
  main: undefined,
  needs: needsNothing,
  run: (net) => ({
    net: { ...net, weights: new Map([...net.weights].map(([key, w]) => [key, halved(w)])) },
  }),
  contract: 'none',
});

function halved(weight: Weight): Weight {
  if (weight.encoding === 'float32') return fitsHalf(weight.data) ? halfWeight(weight) : weight;
  if (weight.encoding === 'sparse' && weight.values.encoding === 'float32' && fitsHalf(weight.values.data))
    return { ...weight, values: halfWeight(weight.values) };
  return weight;
}

/** Folds batch norms into the layers before them. */
export const fold = stepKind({
  schema: z.strictObject({ step: z.literal('fold') }),
  main: undefined,
  needs: needsNothing,
  run: async (net) => {
    const { foldNorms } = await edits();
    return { net: foldNorms(net) };
  },
  contract: 'none',
});

/** Writes the compact file, with Huffman codes. */
export const huffman = stepKind({
  schema: z.strictObject({ step: z.literal('huffman') }),
  main: undefined,
  needs: needsNothing,
  run: (net) => ({ net, file: packCompact(net) }),
  contract: 'last',
});
