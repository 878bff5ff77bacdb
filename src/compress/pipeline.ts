/**
 * @file Compression as a pipeline: steps run one after another, the net is measured after each, and each step keeps what
 * the steps before it made. Cheng et al. 2017, arXiv:1710.09282, call such chains the way to combine the families.
 */
import { hold } from '../data/in-memory.ts';
import { MoonletError } from '../errors.ts';
import { bytesOfWeight, type Net, type PlacedWeight, sparse, type Weight } from '../weights/index.ts';
import { type Contract, checkContracts } from './contracts.ts';
import { measure } from './measure.ts';
import { type Compressed, type CompressOptions, heldOutOf, type Row } from './options.ts';
import { printStep } from './parse-steps.ts';
import type { StepContext, StepResult } from './step-kind.ts';
import { type CompressStep, type StepName, type StepNamed, stepKinds } from './step-kinds.ts';

/**
 * Runs compression steps in order and measures the net before the first and after each. `steps` come from `parseSteps`.
 * Returns the net, a row of measurements for each step, and the compact file if the last step is `huffman`.
 *
 * @throws MoonletError when a step needs data and there is none, or destroys what an earlier step made; Refusal when a
 * step cannot be done on this net.
 * @example
 * import { graph, init, input } from 'moonlet';
 * import { compress, parseSteps } from 'moonlet/compress';
 * const net = init(graph('tiny', input(8, 8, 1).conv(16, { kernel: 3 }).relu().globalPool().dense(4)));
 * const { rows } = await compress(net, parseSteps('prune=0.5 half'), { runs: 0 });
 * rows.map((row) => row.step); // ['original', 'prune=0.5', 'half']
 */
export async function compress(
  net: Net,
  steps: readonly CompressStep[],
  options: CompressOptions = {},
): Promise<Compressed> {
  const { data: dataset, seed = 0 } = options;
  const train = dataset && hold(dataset.train, heldOutOf(dataset, options), seed).train;
  if (!dataset) checkNeeds(steps);
  const rows: Row[] = [];
  const note = async (step: string, now: Net, file?: Uint8Array): Promise<void> => {
    const row: Row = { step, ...(await measure(now, options, file)) };
    rows.push(row);
    options.onStep?.(row);
  };
  await note('original', net);
  let now = net;
  let contracts: readonly Contract[] = [];
  let file: Uint8Array | undefined;
  for (const step of steps) {
    const { contract } = stepKinds[step.step];
    const words = printStep(step);
    const before = now;
    const result = await run(step, now, { original: net, contracts, dataset, train, options });
    file = result.file;
    now = file ? result.net : withSparseKernels(result.net);
    checkContracts(contracts, now, words);
    if (typeof contract === 'function') contracts = [...contracts, contract(now, before, words)];
    await note(printStep(result.step ?? step), now, file);
  }
  return { net: now, rows, ...(file ? { file } : {}) };
}

/** @throws MoonletError for the first step that needs data. */
function checkNeeds(steps: readonly CompressStep[]): void {
  for (const step of steps) {
    const purpose = needsOf(step);
    if (purpose) throw new MoonletError(`${printStep(step)} needs data, to ${purpose}; say which dataset`);
  }
}

const needsOf = <Name extends StepName>(step: StepNamed<Name>): string | undefined =>
  stepKinds[step.step].needs(step);

const run = async <Name extends StepName>(
  step: StepNamed<Name>,
  net: Net,
  context: StepContext,
): Promise<StepResult<CompressStep>> => stepKinds[step.step].run(net, step, context);

/** Kernels with enough zeros are stored sparse. */
function withSparseKernels(net: Net): Net {
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
