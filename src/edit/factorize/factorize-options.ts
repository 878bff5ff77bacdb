/** @file What factorization can be asked for, and the checks of it. */
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
 * How ranks are chosen. `rank`: this one (two for `tucker`: of inputs, of outputs), or as many as there are. `energy`: the
 * least that keeps this share of each matrix's squared singular values. `params`, `macs`: the largest equal share of energy
 * with which the whole net has at most this share of what it had. `vbmf`: what empirical variational Bayes finds.
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
  /** A path or glob; all layers that the method fits unless told. */
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

/** @throws UsageError for options that are none, unknown or out of range. */
export function checkFactorize(o: FactorizeOptions): void {
  checkOptions('factorize', o, factorizeChecks);
  checkValue('factorize', 'method', o.method, factorizeChecks.method);
  checkValue('factorize', 'ranks', o.ranks, factorizeChecks.ranks);
  if (o.ranks !== 'vbmf') checkChoice('factorize', o.ranks, rankChecks);
}
