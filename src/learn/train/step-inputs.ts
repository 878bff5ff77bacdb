/** @file The inputs of a step that change from step to step: numbers and random arrays, as functions of seed and step alone. */
import { UsageError } from '../../errors.ts';
import { random } from '../../random.ts';
import type { Loss } from '../loss/loss.ts';
import { type Schedule, scheduleOf } from '../loss/schedule.ts';
import { settingsAt } from '../loss/settings.ts';
import { type Average, averageAt } from './average.ts';

/** The random inputs of a step: normal and whole numbers of the losses, uniform noise of the nodes. */
export function randomAt(
  losses: readonly Loss[],
  noiseShapes: ReadonlyMap<string, readonly number[]>,
  { batch, seed, at }: { readonly batch: number; readonly seed: number; readonly at: number },
): Record<string, Float32Array | Int32Array> {
  const inputs: Record<string, Float32Array | Int32Array> = {};
  for (const l of losses) {
    for (const d of draws(l, batch, seed, at)) inputs[d.key] = d.values;
    for (const [name, { count, below }] of Object.entries(l.picks ?? {})) {
      const source = random('pick', seed, at, l.name, name);
      inputs[`pick/${l.name}/${name}`] = Int32Array.from({ length: count }, () => source.below(below));
    }
  }
  for (const [id, shape] of noiseShapes) inputs[`noise/${id}`] = noise(shape, seed, at, id);
  return inputs;
}

/** The normal numbers of a loss at a step: a function of the seed, so that a resumed run sees the same. */
function draws(l: Loss, batch: number, seed: number, at: number): { key: string; values: Float32Array }[] {
  return Object.entries(l.draws ?? {}).map(([name, shape]) => {
    const source = random('draw', seed, at, l.name, name);
    const length = shape.reduce((n, d) => n * d, batch);
    return { key: `draw/${l.name}/${name}`, values: Float32Array.from({ length }, source.normal) };
  });
}

export const scalar = (value: number): Float32Array => Float32Array.of(value);

/** What a step keeps of a moving average. */
export const averageInput = (average: Average, at: number): Record<string, Float32Array> => ({
  'average/kept': scalar(averageAt(average, at + 1)),
});

/**
 * The rate, and each loss's weight and settings at a step.
 * @throws UsageError for one that is not finite, or a setting out of its bounds.
 */
export function scalarsAt(losses: readonly Loss[], rate: Schedule, at: number): Record<string, Float32Array> {
  const inputs: Record<string, Float32Array> = {};
  const set = (key: string, what: string, value: number, least = Number.NEGATIVE_INFINITY): void => {
    if (!Number.isFinite(value) || value < least)
      throw new UsageError(
        `step ${at + 1}: ${what} must be a finite number${least === 0 ? ', 0 or more' : ''}, got ${value}`,
      );
    inputs[key] = scalar(value);
  };
  set('rate', 'the rate', rate(at), 0);
  for (const l of losses) {
    set(`loss/${l.name}`, `the weight of ${l.name}`, scheduleOf(l.weight)(at));
    for (const { name, value } of settingsAt(l, at)) inputs[`setting/${l.name}/${name}`] = scalar(value);
  }
  return inputs;
}

/** Checks what `scalarsAt` gives in a run, before its first step: at all steps of a short run, at some of a long one. */
export function checkScalars(losses: readonly Loss[], rate: Schedule, steps: number): void {
  const last = steps - 1;
  const stride = Math.max(1, last / mostChecked);
  for (let at = 0; at < last; at += stride) scalarsAt(losses, rate, Math.round(at));
  scalarsAt(losses, rate, last);
}
const mostChecked = 4096;

/** Uniform noise of a node at a step: a function of the seed, so that a resumed run sees the same. */
function noise(shape: readonly number[], seed: number, at: number, id: string): Float32Array {
  const source = random('noise', seed, at, id);
  return Float32Array.from({ length: shape.reduce((n, d) => n * d, 1) }, source.uniform);
}
