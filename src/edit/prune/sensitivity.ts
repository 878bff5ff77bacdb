/**
 * @file The sensitivity of each layer to pruning. Li et al. 2017, arXiv:1608.08710, section 3.2 (channels), and Han et al.
 * 2015, arXiv:1506.02626, section 3.1 (weights): one layer at a time is pruned at several ratios, and the net is
 * measured without retraining.
 */
import { first } from '../../access.ts';
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
import { planPruning } from './plan-pruning.ts';
import { type PruneOptions, pruneChecks } from './prune-options.ts';
import { kernelsNamed, pruneWeights, type WeightPruneOptions } from './prune-weights.ts';

export interface Sensitivity {
  /** The measure of the unpruned net. */
  readonly base: number;
  /** The measures with one layer pruned, by its name, in the order of the ratios. */
  readonly layers: ReadonlyMap<string, readonly number[]>;
  readonly ratios: readonly number[];
}
/** A number that is better when larger, such as accuracy. */
export type Measure = (net: Net) => Promise<number>;

export interface SensitivityOptions {
  /** 0.1, 0.2, ..., 0.9 by default. */
  readonly ratios?: readonly number[];
  readonly onLayer?: (name: string, measures: readonly number[]) => void;
}
const sensitivityChecks: Checks<SensitivityOptions> = { ratios: listOf(inside), onLayer: callback };
const tenths = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9] as const;

/**
 * Channels: each layer is pruned alone, or together with the layers whose widths are tied to it. Layers that cannot lose
 * channels are left out.
 *
 * @throws UsageError for options out of range and for unknown names.
 */
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
    return [first(only), (ratio: number) => plan.prune(plan.movesFor(ratio)).net] as const;
  });
  return measured(net, measure, ratios, layers, onLayer);
}

/** Single weights: each kernel is pruned alone. @throws UsageError for options out of range and for unknown names. */
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
  layers: readonly (readonly [name: string, pruned: (ratio: number) => Net])[],
  onLayer: SensitivityOptions['onLayer'],
): Promise<Sensitivity> {
  const base = await measure(net);
  const found = new Map<string, readonly number[]>();
  for (const [name, pruned] of layers) {
    const row: number[] = [];
    for (const ratio of ratios) row.push(await measure(pruned(ratio)));
    found.set(name, row);
    onLayer?.(name, row);
  }
  return { base, layers: found, ratios };
}

/**
 * For each layer the largest ratio up to which pruning it alone lowers the measure by at most `drop`, in the measure's
 * unit; 0 when no ratio does. `pruneChannels(net, { ratios })` takes the result.
 *
 * @throws UsageError for a drop that is not finite.
 * @example
 * import { ratiosWithin } from 'moonlet';
 * const sensitivity = { base: 0.99, ratios: [0.1, 0.5], layers: new Map([['conv', [0.985, 0.7]]]) };
 * ratiosWithin(sensitivity, 0.01); // { conv: 0.1 }
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
      const failing = row.findIndex((m) => m < base - drop);
      return [name, ratios[(failing < 0 ? row.length : failing) - 1] ?? 0];
    }),
  );
}
