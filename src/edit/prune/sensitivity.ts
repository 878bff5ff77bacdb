/**
 * @file How much each layer alone can lose. Li et al. 2017, arXiv:1608.08710, section 3.2 (channels), and Han et al.
 * 2015, arXiv:1506.02626, section 3.1 (weights): one layer at a time is pruned at several ratios and the net is measured,
 * without any training between.
 */
import type { Net } from '../../weights/index.ts';
import {
  type Checks,
  callback,
  checkNet,
  checkOptions,
  checkValue,
  inside,
  listOf,
  number,
  whereChecks,
} from '../options.ts';
import { planPruning } from './prune-channels.ts';
import { type PruneOptions, pruneChecks } from './prune-options.ts';
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
const sensitivityChecks: Checks<SensitivityOptions> = { ratios: listOf(inside), onLayer: callback };
const tenths = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9] as const;

/** Channels: each variable of the net alone, or those together that groups tie. What cannot lose any is left out. */
export async function channelSensitivity(
  net: Net,
  measure: Measure,
  options: SensitivityOptions & Omit<PruneOptions, 'ratios' | 'scope'> = {},
): Promise<Sensitivity> {
  checkNet('channelSensitivity', net);
  checkValue('channelSensitivity', 'the measure', measure, callback);
  const { ratios: _, scope: __, ...checks } = pruneChecks;
  checkOptions('channelSensitivity', options, { ...checks, ...sensitivityChecks });
  const { ratios = tenths, onLayer, ...o } = options;
  const layers = planPruning(net, o).layers.map((only) => {
    const plan = planPruning(net, { ...o, only });
    return [only[0] as string, (ratio: number) => plan.prune(plan.movesFor(ratio)).net] as const;
  });
  return measured(net, measure, ratios, layers, onLayer);
}

/** Single weights: each kernel alone. */
export async function weightSensitivity(
  net: Net,
  measure: Measure,
  options: SensitivityOptions & Omit<WeightPruneOptions, 'scope'> = {},
): Promise<Sensitivity> {
  checkNet('weightSensitivity', net);
  checkValue('weightSensitivity', 'the measure', measure, callback);
  checkOptions('weightSensitivity', options, { ...whereChecks, ...sensitivityChecks });
  const { ratios = tenths, onLayer, ...o } = options;
  const layers = kernelsNamed(net, o).map((key) => {
    const node = key.slice(0, key.lastIndexOf(':'));
    return [node, (ratio: number): Net => pruneWeights(net, ratio, { only: [node] })] as const;
  });
  return measured(net, measure, ratios, layers, onLayer);
}

async function measured(
  net: Net,
  measure: Measure,
  ratios: readonly number[],
  layers: readonly (readonly [name: string, at: (ratio: number) => Net])[],
  onLayer: SensitivityOptions['onLayer'],
): Promise<Sensitivity> {
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
export function ratiosWithin(
  { base, layers, ratios }: Sensitivity,
  drop: number,
): Readonly<Record<string, number>> {
  checkValue(
    'ratiosWithin',
    'the drop',
    drop,
    number('a finite number', () => true),
  );
  return Object.fromEntries(
    [...layers].map(([name, row]) => {
      const first = row.findIndex((m) => m < base - drop);
      return [name, ratios[(first < 0 ? row.length : first) - 1] ?? 0];
    }),
  );
}
