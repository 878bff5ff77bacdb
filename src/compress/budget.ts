/**
 * @file A search for steps that meet a budget. Chains from mild to strong are tried in turn; drops are measured on held-out
 * training examples, never on the test split.
 */

import { hold } from '../data/index.ts';
import { MoonletError, Refusal } from '../errors.ts';
import { evaluate } from '../learn/task/index.ts';
import { cost } from '../read/index.ts';
import { bytesOf, type Net } from '../weights/index.ts';
import type { Compressed, CompressOptions } from './options.ts';
import { parseSteps, printStep } from './parse-steps.ts';
import { compress } from './pipeline.ts';
import type { CompressStep, CompressStepInput } from './step-kinds.ts';

export interface Budget {
  /** Of the stored weights. */
  readonly maxBytes?: number;
  readonly maxMacs?: number;
  /** How much accuracy may be lost, as a fraction of 1. */
  readonly maxDrop?: number;
}
export interface SearchOptions extends CompressOptions {
  /** Training steps after each step that loses something; none unless told. */
  readonly tune?: number;
  readonly onTry?: (steps: string) => void;
}
export interface Found extends Compressed {
  readonly steps: readonly CompressStep[];
}

/** Chains by what they leave of the bytes, mild ones first. */
const chains: readonly (readonly CompressStepInput[])[] = [
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

/** Training after every step that loses something. */
const tuned = (chain: readonly CompressStepInput[], tune: number | undefined): readonly CompressStepInput[] =>
  chain.flatMap((s) =>
    tune && ['channels', 'prune', 'share'].includes(s.step)
      ? [s, { step: 'fit', steps: tune } as const]
      : [s],
  );

/** What a chain has to be: within the sizes, and within the drop. */
interface Tried {
  readonly found: Found;
  readonly drop: number;
}

/**
 * The mildest chain within the sizes that are asked for; with a drop alone, the strongest within it.
 * @throws MoonletError when no chain meets the budget, with the nearest.
 */
export async function search(net: Net, budget: Budget, o: SearchOptions): Promise<Found> {
  const { maxBytes, maxMacs, maxDrop } = budget;
  const { data, heldOut = 1000, seed = 0 } = o;
  if (!data)
    throw new MoonletError('a search for a budget needs data, to measure what is lost; say which dataset');
  const { validation } = hold(data.train, Math.min(heldOut, data.train.count - 1), seed);
  const engine = o.engine ? { engine: o.engine } : {};
  const accuracy = async (n: Net): Promise<number> => (await evaluate(n, validation, data, engine)).accuracy;
  const before = await accuracy(net);
  const { macs } = cost(net.graph);
  const first: CompressStepInput[] =
    maxMacs !== undefined && maxMacs < macs ? [{ step: 'channels', macs: maxMacs / macs }] : [];
  const sized = maxBytes !== undefined || maxMacs !== undefined;
  const fits = ({ net: n, file }: Compressed): boolean =>
    (maxBytes === undefined || (file?.length ?? bytesOf(n)) <= maxBytes) &&
    (maxMacs === undefined || cost(n.graph).macs <= maxMacs);
  let best: Tried | undefined;
  let smallest: Tried | undefined;
  for (const chain of chains) {
    const inputs = tuned([...first, ...chain], o.tune);
    if (!inputs.length) {
      if (sized && fits({ net, rows: [] })) return { ...(await compress(net, [], o)), steps: [] };
      continue;
    }
    const steps = parseSteps(inputs);
    o.onTry?.(steps.map(printStep).join(' '));
    const result = await within(() => compress(net, steps, { ...o, runs: 0, onStep: () => {} }));
    if (!result) break; // stronger chains cannot do what this one could not
    const tried = { found: { ...result, steps }, drop: before - (await accuracy(result.net)) };
    smallest = tried;
    const good = maxDrop === undefined || tried.drop <= maxDrop;
    if (sized && fits(result)) {
      if (!good) break; // a stronger one loses more
      best = tried;
      break;
    }
    if (!sized) {
      if (!good) break;
      best = tried;
    }
  }
  if (!best) throw new MoonletError(refusal(net, budget, smallest));
  return { ...(await compress(net, best.found.steps, o)), steps: best.found.steps };
}

/** What a chain gives, or undefined when it is refused. */
async function within(run: () => Promise<Compressed>): Promise<Compressed | undefined> {
  try {
    return await run();
  } catch (e) {
    if (e instanceof Refusal) return undefined;
    throw e;
  }
}

function refusal({ graph }: Net, { maxBytes, maxMacs, maxDrop }: Budget, nearest: Tried | undefined): string {
  const wanted = [
    ...(maxBytes === undefined ? [] : [`${maxBytes} bytes`]),
    ...(maxMacs === undefined ? [] : [`${maxMacs} macs`]),
    ...(maxDrop === undefined ? [] : [`a drop of ${maxDrop}`]),
  ].join(', ');
  if (!nearest) return `${graph.name}: no chain of steps meets ${wanted}; allow more`;
  const { found, drop } = nearest;
  const bytes = found.file?.length ?? bytesOf(found.net);
  return `${graph.name}: no chain of steps meets ${wanted}; the last that was tried has ${bytes} bytes, ${cost(found.net.graph).macs} macs and a drop of ${drop.toFixed(4)}; allow more`;
}
