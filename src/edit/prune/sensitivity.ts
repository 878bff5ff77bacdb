/**
 * @file How much each layer alone can lose. Li et al. 2017, arXiv:1608.08710, section 3.2 (channels), and Han et al.
 * 2015, arXiv:1506.02626, section 3.1 (weights): one layer at a time is pruned at several ratios and the net is measured,
 * without any training between.
 */
import { UsageError } from '../../errors.ts';
import type { Net } from '../../weights/index.ts';
import { type PruneOptions, planPruning } from './prune-channels.ts';
import { kernelsNamed, pruneWeights, type WeightPruneOptions } from './prune-weights.ts';

export interface Sensitivity {
  /** The measure of the net as it is. */
  readonly base: number;
  /** What each layer's pruning left of it, by name, in the order of the ratios. */
  readonly layers: ReadonlyMap<string, readonly number[]>;
  readonly ratios: readonly number[];
}
/** The larger the better, such as accuracy. */
export type Measure = (net: Net) => Promise<number>;

export interface SensitivityOptions {
  /** 0.1, 0.2, ..., 0.9 unless told. */
  readonly ratios?: readonly number[];
  readonly onLayer?: (name: string, measures: readonly number[]) => void;
}
const tenths = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9] as const;

/** Channels: each variable of the net alone, or those together that groups tie. What cannot lose any is left out. */
export function channelSensitivity(
  net: Net,
  measure: Measure,
  { ratios = tenths, onLayer, ...o }: SensitivityOptions & Omit<PruneOptions, 'ratios' | 'scope'> = {},
): Promise<Sensitivity> {
  const layers = planPruning(net, o).layers.map((only) => {
    const plan = planPruning(net, { ...o, only });
    return [only[0] as string, (ratio: number) => plan.prune(plan.movesFor(ratio)).net] as const;
  });
  return measured(net, measure, ratios, layers, onLayer);
}

/** Single weights: each kernel alone. */
export const weightSensitivity = (
  net: Net,
  measure: Measure,
  { ratios = tenths, onLayer, ...o }: SensitivityOptions & Omit<WeightPruneOptions, 'scope'> = {},
): Promise<Sensitivity> =>
  measured(
    net,
    measure,
    ratios,
    kernelsNamed(net, o).map((key) => {
      const node = key.slice(0, key.lastIndexOf(':'));
      return [node, (ratio) => pruneWeights(net, ratio, { only: [node] })];
    }),
    onLayer,
  );

async function measured(
  net: Net,
  measure: Measure,
  ratios: readonly number[],
  layers: readonly (readonly [name: string, at: (ratio: number) => Net])[],
  onLayer: SensitivityOptions['onLayer'],
): Promise<Sensitivity> {
  const wrong = ratios.find((r) => !(r > 0 && r < 1));
  if (wrong !== undefined) throw new UsageError(`a ratio must lie within 0 and 1, got ${wrong}`);
  const base = await measure(net);
  const found = new Map<string, readonly number[]>();
  for (const [name, at] of layers) {
    const row: number[] = [];
    for (const ratio of ratios) row.push(await measure(at(ratio)));
    found.set(name, row);
    onLayer?.(name, row);
  }
  return { base, layers: found, ratios };
}

/**
 * The largest ratio at which each layer alone, and at each smaller ratio too, costs at most `drop` of the measure; 0
 * where none does. What `pruneChannels(net, { ratios })` takes.
 */
export const ratiosWithin = (
  { base, layers, ratios }: Sensitivity,
  drop: number,
): Readonly<Record<string, number>> =>
  Object.fromEntries(
    [...layers].map(([name, row]) => {
      const first = row.findIndex((m) => m < base - drop);
      return [name, ratios[(first < 0 ? row.length : first) - 1] ?? 0];
    }),
  );
