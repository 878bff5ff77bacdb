/**
 * @file Splitting by steepest descent: which units are copied, and in which direction the two copies of each move apart. Liu, Wu and
 * Wang 2019, arXiv:1910.02366 (splitting steepest descent), section 2. A unit with the weights t that becomes the mean of two with
 * t + e v and t - e v changes the loss by
 *
 *   e^2 / 2 v S v + O(e^3),   S = E[dL/du(x) d2u(x)/dt2],   u the unit's value,
 *
 * so that the units whose S has the lowest eigenvalues are split, along the eigenvectors. As in Wang et al. 2019, arXiv:1910.03103
 * (fast splitting), no S is ever formed: the difference of the gradients of the two copies is e S v, for all units of a net at once, and a
 * power iteration needs nothing else.
 *
 * Deviations: e is not infinitely small, so that the kinks of ReLU count, whose second derivative is 0 elsewhere. |v| is the norm of
 * the unit's own weights, so that units of different layers can be compared.
 */
import { get } from '../../access.ts';
import { cells, chooseCopies } from '../../edit/channels/copies.ts';
import { requestsOf } from '../../edit/channels/requests.ts';
import { copyChannels, type Growth, type Widths } from '../../edit/index.ts';
import { Refusal } from '../../errors.ts';
import { type Channels, channels } from '../../graph/index.ts';
import { random } from '../../random.ts';
import type { Net } from '../../weights/index.ts';
import { checkCount, checkNumber } from '../options.ts';
import type { Task } from '../task/task.ts';
import { type GradientOptions, gradientRunner } from './evidence.ts';
import {
  type Directions,
  differences,
  moved,
  perUnit,
  type Twins,
  twinsOf,
  type Units,
  unitsOf,
} from './twins.ts';

export interface SplitOptions extends GradientOptions {
  /** Rounds of the power iteration, each of which computes the gradients of all batches; 6 by default. */
  readonly rounds?: number;
  /** How far copies move apart in the measurement, as a share of the norm of a unit's weights; 0.1 by default. */
  readonly distance?: number;
}

/** A growth by copies, and the direction in which the copies of each unit move apart. */
export interface SplitUnits extends Growth {
  /**
   * The net with the two copies of each unit apart by this share of the norm of its weights on either side; 0.1 by default. It no longer
   * computes the old function: its loss is lower by about `gains`, times the square of the distance, for each copied unit.
   */
  apart(distance?: number): Net;
  /** By how much the loss falls, over the squared distance: the mean of the units that were copied, and of all that could have been. */
  readonly gains: { readonly kept: number; readonly all: number };
}

/**
 * Widens the layers that the names mean (as `widen` does) by copies of the units whose splitting lowers the loss most. The function is
 * preserved in both modes, and `verifyCertificate` proves it from the maps; `apart` then moves the copies apart along the directions
 * that were found, in place of chance.
 * @throws UsageError for unknown names and options out of range; Refusal for what cannot change, and where a layer would grow to more than
 * twice its width; MoonletError when net, data and losses do not fit.
 *
 * @example
 * import { graph, init, input, verifyCertificate } from 'moonlet';
 * import { dataset } from 'moonlet/data';
 * import { structure, tasks } from 'moonlet/learn';
 *
 * const pixels = Uint8Array.from({ length: 32 * 64 }, (_, i) => (i * i) % 251);
 * const labels = Array.from({ length: 32 }, (_, i) => i % 4);
 * const data = dataset({ shape: [8, 8, 1], classes: 4, train: { pixels, labels }, test: { pixels, labels } });
 * const net = init(graph('tiny', input(8, 8, 1).pipe('stage1', (x) => x.conv(8).norm().relu()).globalPool().dense(4)));
 * const task = tasks.classification(data.train, data);
 * const grown = await structure.splitUnits(net, task, { stage1: 12 }, { batches: 2, batch: 8 });
 * grown.gains.kept > grown.gains.all; // true
 * verifyCertificate(net, grown.net, grown.maps); // []
 * grown.apart().weights.size === grown.net.weights.size; // true
 */
export async function splitUnits(
  net: Net,
  task: Task,
  widths: Widths,
  { rounds = 6, distance = 0.1, ...o }: SplitOptions = {},
): Promise<SplitUnits> {
  checkCount('rounds', rounds);
  checkNumber('distance', distance, { above: 0 });
  const seed = o.seed ?? 0;
  const all = channels(net.graph);
  const wanted = wantedCopies(net, all, widths, seed);
  const candidates = [...wanted].flatMap(({ cell }) => cell);
  const units = unitsOf(net, all, candidates);
  const doubled = twinsOf(net, copied(net, candidates), units);
  const found = await steepest(doubled, units, { rounds, distance, seed, task, options: o });
  const gainOf = (unit: number): number => -0.5 * (found.curvatures[units.number.get(unit) ?? -1] ?? 0);
  const chosen = wanted.flatMap(({ cell, extra }) =>
    [...cell].sort((a, b) => gainOf(b) - gainOf(a)).slice(0, extra),
  );
  const growth = copied(net, chosen);
  const twins = twinsOf(net, growth, unitsOf(net, all, chosen));
  const mean = (list: readonly number[]): number =>
    list.reduce((sum, unit) => sum + gainOf(unit), 0) / Math.max(1, list.length);
  return {
    ...growth,
    apart: (by = 0.1) => {
      checkNumber('distance', by, { above: 0 });
      return moved(twins, found.directions, by);
    },
    gains: { kept: mean(chosen), all: mean(candidates) },
  };
}

const copied = (net: Net, units: readonly number[]): Growth =>
  copyChannels(net, new Map(units.map((unit) => [unit, 2])), { split: 'equal' });

/** Channels of which any may be copied, and how many are. */
interface Wanted {
  readonly cell: readonly number[];
  readonly extra: number;
}

/** @throws Refusal where more copies are wanted than there are channels. */
function wantedCopies(net: Net, all: Channels, widths: Widths, seed: number): readonly Wanted[] {
  const copies = chooseCopies(all, requestsOf(net.graph, all, widths), seed);
  return all.variables.flatMap((variable) =>
    cells(all, variable).flatMap((cell): Wanted[] => {
      const extra = cell.reduce((sum, unit) => sum + (copies.get(unit) ?? 1) - 1, 0);
      if (extra > cell.length)
        throw new Refusal(
          `${variable.name}: each unit is split in two, so that ${cell.length} channels cannot become ${cell.length + extra}; split them again after training`,
        );
      return extra ? [{ cell, extra }] : [];
    }),
  );
}

interface Search {
  readonly rounds: number;
  readonly distance: number;
  readonly seed: number;
  readonly task: Task;
  readonly options: GradientOptions;
}

/** For each unit the direction of the lowest curvature that was seen, and the curvature v S v. */
async function steepest(
  twins: Twins,
  units: Units,
  { rounds, distance, seed, task, options }: Search,
): Promise<{ readonly directions: Directions; readonly curvatures: Float64Array }> {
  const { dots, mapped, scaled } = perUnit(units);
  const count = units.number.size;
  const norms = dots(twins.old, twins.old).map((sum) => Math.sqrt(sum) || 1);
  const source = random('split units', seed);
  let now = scaled(mapped(twins.old, source.normal), norms);
  let directions = now;
  const curvatures = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
  const largest = new Float64Array(count);
  const runner = await gradientRunner(twins.net.graph, task, options);
  try {
    for (let round = 0; round < rounds; round++) {
      const gradient = await runner.meanOf(moved(twins, now, distance));
      const turned = mapped(differences(twins, gradient), (v) => v / distance); // S v
      const curvature = dots(now, turned);
      const isLower = curvature.map((c, unit) => Number(c < curvatures[unit]!));
      const [before, best] = [now, directions];
      directions = mapped(now, (v, unit, key, at) => (isLower[unit] ? v : get(best, key)[at]!));
      const lengths = dots(turned, turned).map(Math.sqrt);
      for (let unit = 0; unit < count; unit++) {
        if (isLower[unit]) curvatures[unit] = curvature[unit]!;
        largest[unit] = Math.max(largest[unit]!, lengths[unit]! / norms[unit]!);
      }
      // a step of the power iteration on 2 m - S, with m the largest |S v| / |v| so far: the lowest eigenvalue of S leads there
      const next = mapped(turned, (v, unit, key, at) => 2 * largest[unit]! * get(before, key)[at]! - v);
      now = scaled(next, norms);
    }
  } finally {
    await runner.release();
  }
  return { directions, curvatures };
}
