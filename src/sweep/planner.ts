/**
 * @file Which job comes next. A job trains a trial up to a rung. Job number n is chosen with the results of the jobs before
 * n - parallel + 1, all of them and no others: the sequence is a function of the seed and of the results, not of which worker was
 * quicker, so that a sweep that is resumed, or run by other workers, tries the same candidates.
 *
 * Early stopping is asynchronous successive halving. Li et al. 2020, MLSys, arXiv:1810.05934, algorithm 2: a trial whose score is in
 * the best 1 / factor of its rung is promoted, else a new trial begins.
 */

import { MoonletError, UsageError } from '../errors.ts';
import { random } from '../random.ts';
import { type Coster, type Costs, overLimit } from './costs.ts';
import { type Observed, type Sampler, samplerOf } from './samplers/index.ts';
import type { Space, Values } from './space.ts';

export interface Trial {
  readonly trial: number;
  readonly values: Values;
  readonly parent?: number;
  readonly costs: Costs;
}
export interface Job extends Trial {
  /** The number of the job in the sequence. */
  readonly number: number;
  /** 0 for the first part of a trial. */
  readonly rung: number;
  /** Steps at the end of the job; undefined for the whole recipe. */
  readonly until?: number;
}
/** Objectives, each the larger the better; undefined for a trial that failed. */
export type Scores = readonly number[] | undefined;

/** Drafts of one trial that may be refused. */
const mostDrafts = 10_000;
/** Drafts that may be dropped since the same candidate was chosen before. */
const mostRepeats = 100;

export interface Planner {
  /** The next job; `wait` until more results are known, `end` when there will be none. */
  next(): Job | 'wait' | 'end';
  /** A result. Those that came before may come again. */
  tell(number: number, scores: Scores): void;
  /** A job that an earlier process chose; in the order of numbers, before the first call of `next`. */
  restore(job: Job): void;
  /** Counts of what was looked at. */
  readonly counts: { drafts: number; refused: number };
  /** Why there are fewer trials than were asked for, where limits are the reason. */
  readonly shortfall: string | undefined;
}

export function planner(space: Space, costs: Coster, rungs = rungsOf(space)): Planner {
  return new Sequence(space, costs, rungs);
}

/** The steps of the rungs, the whole run last. */
export function rungsOf({
  stopEarly,
  recipe,
}: Pick<Space, 'stopEarly' | 'recipe'>): readonly (number | undefined)[] {
  if (!stopEarly) return [undefined];
  const { steps, stages } = recipe;
  if (typeof steps !== 'number' || stages !== undefined)
    throw new UsageError('stopEarly: needs a recipe with "steps" and without "stages"');
  const rungs: number[] = [];
  for (let s = stopEarly.first; s < steps; s *= stopEarly.factor) rungs.push(s);
  if (!rungs.length)
    throw new UsageError(
      `stopEarly: "first" is ${stopEarly.first}, and the recipe has ${steps} steps; choose fewer`,
    );
  return [...rungs, undefined];
}

interface Rung {
  /** Trials with a result, best first; those that failed are counted only. */
  readonly ranked: { readonly trial: number; readonly score: number }[];
  readonly promoted: Set<number>;
  count: number;
}

class Sequence implements Planner {
  readonly counts = { drafts: 0, refused: 0 };
  shortfall: string | undefined;
  readonly #space: Space;
  readonly #costs: Coster;
  readonly #sampler: Sampler;
  readonly #rungSteps: readonly (number | undefined)[];
  readonly #rungs: readonly Rung[];
  readonly #trials = new Map<number, Trial>();
  /** Jobs that are chosen and not looked at yet, by number; a number that is missing was a turn without a job. */
  readonly #open = new Map<number, Job>();
  readonly #results = new Map<number, Scores>();
  readonly #observed: Observed[] = [];
  readonly #chosen = new Set<number>();
  #number = 0;
  #looked = 0;
  #trial = 0;
  #idle = 0;
  #exhausted = false;

  constructor(space: Space, costs: Coster, rungs: readonly (number | undefined)[]) {
    this.#space = space;
    this.#costs = costs;
    this.#sampler = samplerOf(space);
    this.#rungSteps = rungs;
    this.#rungs = rungs.map(() => ({ ranked: [], promoted: new Set(), count: 0 }));
  }

  restore(job: Job): void {
    const { number, rung, trial, values } = job;
    this.#number = number + 1;
    this.#add(job);
    if (rung === 0) {
      this.#trial = trial + 1;
      this.#chosen.add(keyOf(values));
      this.#sampler.passOver?.(values);
    } else this.#rungs[rung - 1]?.promoted.add(trial);
  }

  tell(number: number, scores: Scores): void {
    if (this.#open.has(number)) this.#results.set(number, scores);
  }

  next(): Job | 'wait' | 'end' {
    for (;;) {
      if (!this.#look()) return 'wait';
      if (this.#idle >= this.#space.parallel) return 'end';
      const job = this.#promotion() ?? this.#fresh();
      this.#number++;
      if (job) {
        this.#idle = 0;
        this.#add(job);
        return job;
      }
      if (this.#rungs.length === 1) return this.#finish();
      this.#idle++;
    }
  }

  /** Without rungs there is nothing to decide once the trials are exhausted. */
  #finish(): 'wait' | 'end' {
    this.#number--;
    for (const number of this.#open.keys()) if (!this.#results.has(number)) return 'wait';
    return 'end';
  }

  #add(job: Job): void {
    this.#open.set(job.number, job);
    const isNeeded = this.#sampler.learns || this.#rungs.length > 1;
    if (job.rung === 0 && isNeeded) {
      const { trial, values, parent, costs } = job;
      this.#trials.set(trial, { trial, values, costs, ...(parent === undefined ? {} : { parent }) });
    }
  }

  /** Takes in all results that the next job may be chosen with; false when one of them is missing. */
  #look(): boolean {
    const before = this.#number - this.#space.parallel;
    for (; this.#looked <= before; this.#looked++) {
      const job = this.#open.get(this.#looked);
      if (!job) continue;
      if (!this.#results.has(job.number)) return false;
      this.#observe(job, this.#results.get(job.number));
      this.#open.delete(job.number);
      this.#results.delete(job.number);
    }
    return true;
  }

  #observe({ trial, rung }: Job, scores: Scores): void {
    const at = this.#rungs[rung];
    if (!at) return;
    at.count++;
    const [score] = scores ?? [];
    const isNext = rung + 1 < this.#rungs.length;
    if (isNext && score !== undefined) insert(at.ranked, { trial, score });
    if (!this.#sampler.learns) return;
    const known = this.#trials.get(trial);
    if (!known) return;
    const { length } = this.#space.objective;
    const seen: Observed = {
      trial,
      values: known.values,
      scores: scores ?? Array.from({ length }, () => Number.NEGATIVE_INFINITY),
    };
    const before = rung ? this.#observed.findIndex((o) => o.trial === trial) : -1;
    if (before < 0) this.#observed.push(seen);
    else this.#observed[before] = seen;
  }

  /** The best trial of the highest rung that is among the best 1 / factor of its rung and was not promoted. */
  #promotion(): Job | undefined {
    const factor = this.#space.stopEarly?.factor ?? 1;
    for (let rung = this.#rungs.length - 2; rung >= 0; rung--) {
      const { ranked, promoted, count } = this.#rungs[rung]!;
      const best = ranked.slice(0, Math.floor(count / factor)).find(({ trial }) => !promoted.has(trial));
      const known = best && this.#trials.get(best.trial);
      if (!known) continue;
      promoted.add(known.trial);
      return this.#job(known, rung + 1);
    }
    return undefined;
  }

  #job(trial: Trial, rung: number): Job {
    const until = this.#rungSteps[rung];
    return { ...trial, number: this.#number, rung, ...(until === undefined ? {} : { until }) };
  }

  /** A new trial within the limits; undefined when there are no more. @throws MoonletError when there is not even a first one. */
  #fresh(): Job | undefined {
    const { trials, limits } = this.#space;
    if (this.#exhausted || this.#trial >= trials) return undefined;
    let reason = '';
    for (let [attempt, repeats] = [0, 0]; attempt < mostDrafts; attempt++) {
      const draft = this.#sampler.draft(this.#trial, attempt, this.#observed);
      if (!draft) {
        this.#exhausted = true;
        return undefined;
      }
      this.counts.drafts++;
      const key = keyOf(draft.values);
      if (this.#chosen.has(key) && repeats++ < mostRepeats) continue;
      const costs = this.#costs(this.#space, draft.values);
      const refused = typeof costs === 'string' ? costs : overLimit(costs, limits);
      if (typeof costs !== 'string' && refused === undefined) {
        this.#chosen.add(key);
        return this.#job({ trial: this.#trial++, ...draft, costs }, 0);
      }
      this.counts.refused++;
      reason = refused ?? '';
    }
    const fault = `no candidate within the limits in ${mostDrafts} draws (the last: ${reason}); allow more, or change the space`;
    if (!this.#trial) throw new MoonletError(`${this.#space.name}: ${fault}`);
    this.#exhausted = true;
    this.shortfall = `${this.#trial} trials of ${trials}: ${fault}`;
    return undefined;
  }
}

/** By score, the larger first; of equals the earlier first. */
function insert(
  ranked: { readonly trial: number; readonly score: number }[],
  one: { trial: number; score: number },
): void {
  let [low, high] = [0, ranked.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranked[middle]!.score >= one.score) low = middle + 1;
    else high = middle;
  }
  ranked.splice(low, 0, one);
}

/** 53 bits of a candidate's values. */
function keyOf(values: Values): number {
  const source = random(JSON.stringify(values));
  return Math.floor(source.uniform() * 2 ** 21) * 2 ** 32 + source.uniform() * 2 ** 32;
}
