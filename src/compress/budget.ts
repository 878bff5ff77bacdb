/**
 * @file A search for steps that meet a budget. Chains are tried from the mildest to the strongest. The loss of accuracy is
 * measured on held-out training examples, never on the test split.
 */
import { hold } from '../data/in-memory.ts';
import { MoonletError, Refusal } from '../errors.ts';
import { evaluate } from '../learn/task/index.ts';
import { cost } from '../read/index.ts';
import { bytesOf, type Net } from '../weights/index.ts';
import { type Compressed, type CompressOptions, heldOutOf } from './options.ts';
import { parseSteps, printStep } from './parse-steps.ts';
import { compress } from './pipeline.ts';
import type { CompressStep, CompressStepInput } from './step-kinds.ts';

export interface Budget {
  /** The largest size of the stored weights, in bytes. */
  readonly maxBytes?: number;
  /** The largest number of multiply-adds of one example. */
  readonly maxMacs?: number;
  /** How much accuracy may be lost, as a fraction of 1. */
  readonly maxDrop?: number;
}
export interface SearchOptions extends CompressOptions {
  /** Training steps after each step that lowers the accuracy; none by default. */
  readonly tune?: number;
  /** Called with each chain, in words, before it runs. */
  readonly onTry?: (steps: string) => void;
}
export interface Found extends Compressed {
  readonly steps: readonly CompressStep[];
}

type Chain = readonly CompressStepInput[];

/** The chains in the order in which they are tried, from the mildest to the strongest. */
const chains: readonly Chain[] = [
  [],
  [{ step: 'half' }],
  [{ step: 'quantize' }],
  ...(
    [
      [0.3, 64],
      [0.5, 32],
      [0.6, 32],
      [0.7, 16],
      [0.8, 16],
      [0.85, 16],
      [0.9, 16],
      [0.95, 8],
    ] as const
  ).map(([sparsity, clusters]): CompressStepInput[] => [
    { step: 'prune', sparsity, scope: 'global' },
    { step: 'share', clusters },
    { step: 'half' },
    { step: 'huffman' },
  ]),
];

/** The chain with training after each step that lowers the accuracy. */
const tuned = (chain: Chain, steps: number | undefined): Chain =>
  chain.flatMap((s) =>
    steps && ['channels', 'prune', 'share'].includes(s.step) ? [s, { step: 'fit', steps } as const] : [s],
  );

/** A chain that ran, and the accuracy that it lost on held-out examples. */
interface Attempt {
  readonly found: Found;
  readonly drop: number;
}

/**
 * Finds a chain of steps that meets a budget. With a size in the budget it returns the mildest chain within it; with a drop
 * alone, the strongest chain within the drop. Channels are removed first when there are too many multiply-adds, to widths that run fast if
 * that is enough.
 *
 * @throws MoonletError without data, or when no chain meets the budget (the message has the last attempt's figures); Refusal when no widths
 * have so few multiply-adds.
 * @example
 * import { graph, init, input } from 'moonlet';
 * import { printStep, search } from 'moonlet/compress';
 * import type { Dataset } from 'moonlet/data';
 * const images = { count: 20, pixels: new Uint8Array(20 * 64), labels: new Uint8Array(20) };
 * const classes = { classes: 2, classNames: ['a', 'b'] };
 * const data: Dataset = { name: 'blank', ...classes, shape: [8, 8, 1], train: images, test: images, mean: 0, std: 1 };
 * const net = init(graph('tiny', input(8, 8, 1).conv(16, { kernel: 3 }).relu().globalPool().dense(2)));
 * const { steps } = await search(net, { maxBytes: 500 }, { data, runs: 0 });
 * steps.map(printStep); // ['half']
 */
export async function search(net: Net, budget: Budget, o: SearchOptions): Promise<Found> {
  const { maxMacs, maxDrop } = budget;
  const { data, seed = 0 } = o;
  if (!data)
    throw new MoonletError('a search for a budget needs data, to measure what is lost; say which dataset');
  const { validation } = hold(data.train, heldOutOf(data, o), seed);
  const engine = o.engine ? { engine: o.engine } : {};
  const accuracy = async (n: Net): Promise<number> => (await evaluate(n, validation, data, engine)).accuracy;
  const before = await accuracy(net);
  const { macs } = cost(net.graph);
  const channels: Chain =
    maxMacs !== undefined && maxMacs < macs ? [await channelsWithin(net, shareBelow(maxMacs / macs), o)] : [];
  const hasSize = budget.maxBytes !== undefined || maxMacs !== undefined;
  let best: Attempt | undefined;
  let latest: Attempt | undefined;
  let refusal: Refusal | undefined;
  for (const chain of chains) {
    const inputs = tuned([...channels, ...chain], o.tune);
    if (!inputs.length) {
      if (hasSize && fits({ net, rows: [] }, budget)) return { ...(await compress(net, [], o)), steps: [] };
      continue;
    }
    const steps = parseSteps(inputs);
    o.onTry?.(steps.map(printStep).join(' '));
    const result = await unlessRefused(net, steps, o);
    if (result instanceof Refusal) {
      refusal = result;
      break; // stronger chains would be refused too
    }
    latest = { found: { ...result, steps }, drop: before - (await accuracy(result.net)) };
    const isWithinDrop = maxDrop === undefined || latest.drop <= maxDrop;
    if (hasSize && !fits(result, budget)) continue;
    if (!isWithinDrop) break; // stronger chains lose more
    best = latest;
    if (hasSize) break;
  }
  if (!best) throw new MoonletError(whyNone(net, budget, latest, refusal));
  return { ...(await compress(net, best.found.steps, o)), steps: best.found.steps };
}

/** Whether a net has the sizes that the budget allows. */
const fits = ({ net, file }: Compressed, { maxBytes, maxMacs }: Budget): boolean =>
  (maxBytes === undefined || (file?.length ?? bytesOf(net)) <= maxBytes) &&
  (maxMacs === undefined || cost(net.graph).macs <= maxMacs);

/** The result, or why a step of the chain is refused. */
async function unlessRefused(
  net: Net,
  steps: readonly CompressStep[],
  o: SearchOptions,
): Promise<Compressed | Refusal> {
  try {
    return await compress(net, steps, { ...o, runs: 0, onStep: () => {} });
  } catch (e) {
    if (e instanceof Refusal) return e;
    throw e;
  }
}

/** A share in four digits, for the step's words, where that many say it. */
const shareBelow = (share: number): number => Math.floor(share * 1e4) / 1e4 || share;

/** The step that keeps this share of the multiply-adds: in widths that are fast, or else in any. @throws Refusal when none goes so far. */
async function channelsWithin(net: Net, macs: number, o: SearchOptions): Promise<CompressStepInput> {
  const [fast, any] = [{ step: 'channels', macs } as const, { step: 'channels', macs, roundTo: 1 } as const];
  if (!((await unlessRefused(net, parseSteps([fast]), o)) instanceof Refusal)) return fast;
  const result = await unlessRefused(net, parseSteps([any]), o);
  if (result instanceof Refusal) throw result;
  return any;
}

function whyNone(
  { graph }: Net,
  { maxBytes, maxMacs, maxDrop }: Budget,
  latest: Attempt | undefined,
  refusal: Refusal | undefined,
): string {
  const wanted = [
    ...(maxBytes === undefined ? [] : [`${maxBytes} bytes`]),
    ...(maxMacs === undefined ? [] : [`${maxMacs} macs`]),
    ...(maxDrop === undefined ? [] : [`a drop of ${maxDrop}`]),
  ].join(', ');
  if (!latest)
    return `${graph.name}: no chain of steps meets ${wanted}; allow more${refusal ? ` (${refusal.message})` : ''}`;
  const { found, drop } = latest;
  const bytes = found.file?.length ?? bytesOf(found.net);
  return `${graph.name}: no chain of steps meets ${wanted}; the last that was tried has ${bytes} bytes, ${cost(found.net.graph).macs} macs and a drop of ${drop.toFixed(4)}; allow more`;
}
