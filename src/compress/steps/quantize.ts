/** @file The step `quantize`: kernels, and the values between layers, become integers. */
import * as z from 'zod';
import { get, item } from '../../access.ts';
import { integerForms } from '../../graph/index.ts';
import type { Net } from '../../weights/index.ts';
import { calibrationMethods, roundings } from '../choices.ts';
import { integerContract } from '../contracts.ts';
import { bits, count, exampleBatches, type StepContext, stepKind } from '../step-kind.ts';

/** Quantizes kernels, and the values between layers unless `activations` is 0. */
export const quantize = stepKind({
  schema: z
    .strictObject({
      step: z.literal('quantize'),
      weights: bits.default(8),
      activations: z.union([bits, z.literal(0)]).default(8),
      /** Bits at the first and the last layers; as elsewhere by default. */
      ends: bits.optional(),
      /**
       * Bits of sums, such as those of residual blocks; as of other values by default. LSQ rounds only what layers read. Where a relu
       * follows a sum, its result is rounded, as other values are.
       */
      sums: bits.optional(),
      /**
       * The mean bits of a kernel's weight: which kernels have 2, 4 or 8 bits is chosen by measured errors. Above 8, kernels have 8 bits,
       * half precision (16) or floats (32). The kernels of `ends` count with the bits that are given there.
       */
      mixed: z.number().min(2).max(32).optional(),
      method: z.enum(calibrationMethods).default('min-max'),
      clip: z.enum(['max', 'mse']).default('max'),
      per: z.enum(['channel', 'tensor']).default('channel'),
      equalize: z.boolean().default(false),
      correct: z.boolean().default(true),
      outputs: z.boolean().default(false),
      even: z.boolean().default(false),
      round: z.enum(roundings).default('nearest'),
      unrounded: z.int().min(0).default(0),
      /**
       * The largest time of the integer net, as a share of the time of the net before: as many values as fit in it stay in floats, the
       * most sensitive ones, in place of `unrounded`.
       */
      latency: z.number().gt(0).optional(),
      /** Kernels of 8 bits that are exact in u8 x s8 everywhere, or of all codes. */
      form: z.enum(integerForms).default('paired'),
      /** Examples that calibrate. */
      examples: count.default(256),
    })
    .refine(
      ({ latency, activations, unrounded }) => latency === undefined || (activations > 0 && !unrounded),
      {
        error:
          'it chooses how many values stay in floats; it needs rounded values (activations) and takes no unrounded',
        path: ['latency'],
      },
    )
    .refine(({ sums, activations }) => sums === undefined || activations > 0, {
      error: 'it is the bits of values; it needs rounded values (activations)',
      path: ['sums'],
    }),
  main: 'weights',
  needs: ({ activations, mixed, round }) => {
    if (activations > 0) return 'calibrate values';
    return mixed || round !== 'nearest' ? 'measure errors' : undefined;
  },
  run: async (net, step, context) => {
    const { step: _, examples, mixed, sums, latency: share, ...given } = step;
    const options = {
      ...given,
      ...(mixed ? { weights: await mixedBits(net, mixed, given.ends, context) } : {}),
    };
    const { weights, activations, clip, per, form, ends, round } = options;
    const hasValues = activations > 0;
    if (!hasValues && round === 'nearest') {
      const edit = await import('../../edit/quantize/index.ts');
      return { net: edit.quantize(net, { weights, clip, per, form, ends }) };
    }
    const { engine } = context.options;
    const { quantizeByData, quantizeToLatency } = await import('../post-training.ts');
    const batches = await exampleBatches(context, examples);
    const all = {
      ...options,
      ...(hasValues ? {} : { values: false, activations: 8 }),
      ...(sums ? { activations: bitsWithSums(net, activations, sums) } : {}),
      ...(engine ? { engine } : {}),
    };
    if (share === undefined) return { net: await quantizeByData(net, batches, all) };
    const { latency } = await import('../../engine/index.ts');
    const { foldNorms } = await import('../../edit/fold/norms.ts');
    const time = (n: Net): Promise<number> => latency(n, engine ? { engine } : {});
    const budget = share * (await time(foldNorms(net)));
    const within = await quantizeToLatency(net, batches, budget, time, all);
    const { latency: __, ...chosen } = step;
    return { net: within.net, step: { ...chosen, unrounded: within.unrounded } };
  },
  contract: (net, _, words) => integerContract(net, words),
});

/** The bits of each value, where sums have bits of their own. */
function bitsWithSums({ graph }: Net, others: number, sums: number): (path: string) => number {
  const added = new Set(graph.nodes.flatMap(({ id, op }) => (op.kind === 'add' ? [id] : [])));
  return (path) => (added.has(path) ? sums : others);
}

/** The bits of each kernel for a mean number of bits, where those of the first and the last layers may be given. */
async function mixedBits(
  net: Net,
  mean: number,
  ends: number | undefined,
  context: StepContext,
): Promise<(path: string) => number> {
  const { endsOf, layersOf } = await import('../../edit/quantize/index.ts');
  const { mixedPrecision } = await import('../mixed-precision.ts');
  const { engine } = context.options;
  const kernels = layersOf(net.graph).map(({ id }) => get(net.weights, `${id}:kernel`).shape);
  const bytes = kernels.reduce(
    (sum, s) => sum + 4 * item(s, -1) + Math.ceil((mean / 8) * s.reduce((n, d) => n * d, 1)),
    0,
  );
  const [x = new Float32Array()] = await exampleBatches(context, 64);
  const atEnd = ends === undefined ? undefined : endsOf(net.graph).layers;
  const choices = (path: string): readonly number[] =>
    ends !== undefined && atEnd?.has(path) ? [ends] : mean > 8 ? [8, 16, 32] : [2, 4, 8];
  const { bits } = await mixedPrecision(net, x, { bytes, choices, ...(engine ? { engine } : {}) });
  return (path) => get(bits, path);
}
