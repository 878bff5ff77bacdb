/** @file Objectives of results, each the larger the better. */
import type { Result } from './ledger.ts';
import { isMeasured } from './ledger.ts';
import type { MeasureName, Space } from './space.ts';

/** A measure of a result; undefined where there is none. */
export function measureOf(r: Result, name: MeasureName): number | undefined {
  if (name === 'latencyMs') return r.latencyMs ?? undefined;
  return isMeasured(r) ? r.body[name] : undefined;
}

/** The objectives of a result as a sampler takes them; undefined when it failed or a measure is missing. */
export function scoresOf(r: Result, objective: Space['objective']): readonly number[] | undefined {
  if (!r.ok) return undefined;
  const scores = objective.map((name) => {
    const value = measureOf(r, name);
    return value === undefined ? Number.NaN : name === 'accuracy' ? value : -value;
  });
  return scores.every(Number.isFinite) ? scores : undefined;
}
