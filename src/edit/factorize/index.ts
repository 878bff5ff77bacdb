/** @file Low-rank factorization as an edit. */
export { type Cp, type CpOptions, cp } from './cp.ts';
export { type Factorized, type FactorizedLayer, factorize } from './factorize.ts';
export {
  type FactorizeMethod,
  type FactorizeOptions,
  factorizeMethods,
  type RankChoice,
} from './factorize-options.ts';
export { type Part, type Split, splitConv, splitDense } from './split.ts';
export { discarded, rankByEnergy, rankByVbmf, type Svd, svd } from './svd.ts';
