/** @file Low-rank factorization as an edit. */
export { type Cp, type CpOptions, cp } from './cp.ts';
export {
  type Factorized,
  type FactorizedLayer,
  type FactorizeMethod,
  type FactorizeOptions,
  factorize,
  factorizeMethods,
  type RankChoice,
} from './factorize.ts';
export { type Part, type Split, splitConv, splitDense } from './split.ts';
export { discarded, rankByEnergy, rankByVbmf, type Svd, svd } from './svd.ts';
