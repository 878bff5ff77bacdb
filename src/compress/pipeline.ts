/**
 * @file Compression as a pipeline: steps in turn, what they cost measured after each, what they made kept by those that
 * follow. Cheng et al. 2017, arXiv:1710.09282, call such chains the way to combine the families.
 */

import { type Dataset, hold, type Split, take } from '../data/index.ts';
import {
  circulate,
  factorize,
  foldNorms,
  hashWeights,
  pruneWeights,
  type RankChoice,
  shareWeights,
} from '../edit/index.ts';
import { quantize } from '../edit/quantize/index.ts';
import { MoonletError } from '../errors.ts';
import { softTargets } from '../learn/distill/index.ts';
import { cosine, crossEntropy } from '../learn/loss/index.ts';
import { passes } from '../learn/task/index.ts';
import { adam, type FitOptions, type Form, fit, inTurn, sgd } from '../learn/train/index.ts';
import {
  bytesOfWeight,
  half,
  type Net,
  type PlacedWeight,
  packCompact,
  sparse,
  type Weight,
} from '../weights/index.ts';
import { type ChannelsStep, type Where, withoutChannels } from './channels-step.ts';
import {
  type Contract,
  checkContracts,
  formOf,
  integerContract,
  rankContract,
  sharingContract,
  sparsityContract,
} from './contracts.ts';
import { measure } from './measure.ts';
import type { Compressed, CompressOptions, Row } from './options.ts';
import { quantizeByData } from './post-training.ts';
import { quantizedForm } from './quantized-form.ts';
import { type CompressStep, printStep } from './steps.ts';

/** What a step works with. */
interface Bench {
  readonly original: Net;
  readonly contracts: readonly Contract[];
  readonly train: Split | undefined;
  readonly o: CompressOptions;
}

/**
 * Run the steps in turn. Steps come from `parseSteps`.
 * @throws MoonletError when a step needs data and there is none, cannot be done, or destroys what an earlier one made.
 */
export async function compress(
  net: Net,
  steps: readonly CompressStep[],
  o: CompressOptions = {},
): Promise<Compressed> {
  const { data, heldOut = 1000, seed = 0 } = o;
  const train = data && hold(data.train, Math.min(heldOut, data.train.count - 1), seed).train;
  const needy = steps.find(needsData);
  if (needy && !data)
    throw new MoonletError(`${printStep(needy)} needs data, to ${purpose(needy)}; say which dataset`);
  const rows: Row[] = [];
  const note = async (step: string, now: Net, file?: Uint8Array): Promise<void> => {
    const row: Row = { step, ...(await measure(now, o, file)) };
    rows.push(row);
    o.onStep?.(row);
  };
  await note('original', net);
  let now = net;
  let contracts: readonly Contract[] = [];
  let file: Uint8Array | undefined;
  for (const step of steps) {
    if (step.step === 'huffman') {
      file = packCompact(now);
      await note(printStep(step), now, file);
      continue;
    }
    const before = now;
    const done = await run(step, now, { original: net, contracts, train, o });
    const words = printStep(step);
    now = tidied(done.net);
    checkContracts(contracts, now, words);
    contracts = [...contracts, ...made(step, now, before, words)];
    await note(printStep(done.step), now);
  }
  return { net: now, rows, ...(file ? { file } : {}) };
}

const needsData = (s: CompressStep): boolean =>
  ['fit', 'distill', 'train-quantized'].includes(s.step) ||
  (s.step === 'quantize' && s.activations > 0) ||
  (s.step === 'channels' && s.reconstruct !== undefined);
const purpose = (s: CompressStep): string =>
  s.step === 'quantize' ? 'calibrate values' : s.step === 'channels' ? 'fit layers' : 'train';

function made(step: CompressStep, net: Net, before: Net, words: string): readonly Contract[] {
  switch (step.step) {
    case 'prune':
      return [sparsityContract(net, words)];
    case 'share':
    case 'hash':
    case 'circulate':
      return [sharingContract(net, words)];
    case 'quantize':
    case 'train-quantized':
      return [integerContract(net, words)];
    case 'factorize':
      return [rankContract(net, before, words)];
    default:
      return [];
  }
}

/** Kernels with enough zeros are stored sparse. */
function tidied(net: Net): Net {
  const weights = new Map(net.weights);
  for (const [key, weight] of net.weights) {
    if (!key.endsWith(':kernel') || !isPlaced(weight)) continue;
    const thin = sparse(weight);
    if (bytesOfWeight(thin) < bytesOfWeight(weight)) weights.set(key, thin);
  }
  return { ...net, weights };
}
const isPlaced = (w: Weight): w is PlacedWeight =>
  w.encoding !== 'sparse' && w.encoding !== 'hashed' && w.encoding !== 'circulant';

/** The net after a step, and the step with the choices that were left to it. */
async function run(
  step: CompressStep,
  net: Net,
  bench: Bench,
): Promise<{ readonly net: Net; readonly step: CompressStep }> {
  const where = {
    ...('only' in step && step.only ? { only: step.only } : {}),
    ...('except' in step && step.except ? { except: step.except } : {}),
  };
  if (step.step === 'channels') return withoutChannels(net, step, where, bench.train, bench.o);
  return { net: await changed(step, net, where, bench), step };
}

async function changed(
  step: Exclude<CompressStep, ChannelsStep>,
  net: Net,
  where: Where,
  bench: Bench,
): Promise<Net> {
  switch (step.step) {
    case 'prune':
      return pruneWeights(net, step.sparsity, { scope: step.scope, ...where });
    case 'factorize': {
      const at = step.where === undefined ? {} : { where: step.where };
      return factorize(net, { method: step.method, ranks: ranksOf(step), ...at }).net;
    }
    case 'quantize':
      return toIntegers(net, step, bench);
    case 'train-quantized': {
      const { kind, bits } = step;
      return trained(net, step, bench, quantizedForm(net, { kind, bits, ...where }));
    }
    case 'share':
      return shareWeights(net, { clusters: step.clusters, start: step.start, ...where });
    case 'hash':
      return hashWeights(net, { share: step.share, seed: step.seed, ...where });
    case 'circulate':
      return circulate(net, { block: step.block, ...where });
    case 'half':
      return { ...net, weights: new Map([...net.weights].map(([key, w]) => [key, halved(w)])) };
    case 'fold':
      return foldNorms(net);
    case 'fit':
      return trained(net, step, bench);
    case 'distill': {
      const { temperature, alpha } = step;
      const losses = [crossEntropy({ weight: 1 - alpha }), softTargets({ weight: alpha, temperature })];
      return trained(net, step, bench, undefined, { losses, teacher: bench.original });
    }
    case 'huffman':
      return net;
  }
}

function ranksOf(step: Extract<CompressStep, { step: 'factorize' }>): RankChoice {
  if (step.rank !== undefined) return { rank: step.rank };
  if (step.energy !== undefined) return { energy: step.energy };
  if (step.params !== undefined) return { params: step.params };
  return step.macs === undefined ? 'vbmf' : { macs: step.macs };
}

function halved(weight: Weight): Weight {
  if (weight.encoding === 'float32') return half(weight);
  if (weight.encoding === 'sparse' && weight.values.encoding === 'float32')
    return { ...weight, values: half(weight.values) };
  return weight;
}

async function toIntegers(
  net: Net,
  step: Extract<CompressStep, { step: 'quantize' }>,
  { train, o }: Bench,
): Promise<Net> {
  const { weights, activations, method, clip, per, equalize, correct, outputs, examples, form } = step;
  const { even, round, unrounded } = step;
  if (activations === 0) return quantize(net, { weights, clip, per, form });
  const { data, seed = 0, engine } = o;
  const split = take(train as Split, Math.min(examples, (train as Split).count), seed);
  const batches = [...passes(split, data as Dataset, 32)].map((b) => b.x);
  return quantizeByData(net, batches, {
    ...{ weights, activations, method, clip, per, equalize, correct, outputs, form, even, round, unrounded },
    ...(engine ? { engine } : {}),
  });
}

type Training = Extract<CompressStep, { step: 'fit' | 'distill' | 'train-quantized' }>;

/** Train on what is not held out; what was made stays made. */
async function trained(
  net: Net,
  step: Training,
  { contracts, train, o }: Bench,
  own?: Form,
  more: Pick<FitOptions, 'losses' | 'teacher'> = {},
): Promise<Net> {
  const { data, seed = 0, engine } = o;
  const kept = formOf(net, contracts);
  const forms = [...(kept ? [kept] : []), ...(own ? [own] : [])];
  // gradients of shared numbers are sums over many members: Adam does not mind their size
  const tied = contracts.some((c) => c.what === 'sharing');
  const optimizer = step.optimizer ?? (tied ? 'adam' : 'sgd');
  const peak = step.rate ?? (optimizer === 'adam' ? 3e-4 : 0.02);
  const { net: after } = await fit(net, train as Split, data as Dataset, {
    steps: step.steps,
    batch: step.batch,
    seed,
    rate: cosine({ steps: step.steps, peak }),
    optimizer: optimizer === 'adam' ? adam() : sgd({ nesterov: true, weightDecay: 5e-4 }),
    augment: { shift: step.shift, flip: step.flip },
    ...(forms.length ? { form: inTurn(...forms) } : {}),
    ...(o.onTraining ? { onStep: o.onTraining } : {}),
    ...(engine ? { engine } : {}),
    ...more,
  });
  return after;
}
