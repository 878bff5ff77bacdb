/** @file The options of factorization, and their checks. */
import {
  type Checks,
  checkChoice,
  checkOptions,
  checkValue,
  either,
  isRecord,
  oneOf,
  seed,
  share,
  text,
  whole as wholeFrom,
} from '../options.ts';
import type { CpOptions } from './cp.ts';

export const factorizeMethods = ['svd', 'spatial', 'tucker', 'cp'] as const;
export type FactorizeMethod = (typeof factorizeMethods)[number];

/**
 * How ranks are chosen. `rank`: the given one (for `tucker` one for inputs and one for outputs), but at most the full rank.
 * `energy`: the smallest rank that keeps this share of the squared singular values of each matrix. `params`, `macs`: the
 * net keeps at most this share of its parameters or multiply-adds, with the same, largest possible share of energy in each
 * layer. `vbmf`: the rank that empirical variational Bayes finds.
 */
export type RankChoice =
  | { readonly rank: number | readonly [inputs: number, outputs: number] }
  | { readonly energy: number }
  | { readonly params: number }
  | { readonly macs: number }
  | 'vbmf';

export interface FactorizeOptions extends CpOptions {
  readonly method: FactorizeMethod;
  readonly ranks: RankChoice;
  /** A path or glob; all layers that the method fits by default. */
  readonly where?: string;
}
const factorizeChecks: Checks<FactorizeOptions> = {
  method: oneOf(...factorizeMethods),
  ranks: { words: "'vbmf', or an object such as { rank: 8 }", holds: (v) => v === 'vbmf' || isRecord(v) },
  where: text,
  rounds: wholeFrom(1),
  seed,
};
const rankChecks = {
  rank: either(wholeFrom(1), {
    words: 'a pair of them',
    holds: (v) => Array.isArray(v) && v.length === 2 && v.every(wholeFrom(1).holds),
  }),
  energy: share,
  params: share,
  macs: share,
} as const;

/** @throws UsageError for options that are missing, unknown or out of range. */
export function checkFactorize(o: FactorizeOptions): void {
  checkOptions('factorize', o, factorizeChecks);
  checkValue('factorize', 'method', o.method, factorizeChecks.method);
  checkValue('factorize', 'ranks', o.ranks, factorizeChecks.ranks);
  if (o.ranks !== 'vbmf') checkChoice('factorize', o.ranks, rankChecks);
}
