/** @file The equations of the losses as functions of tensors, for custom losses. */
export { attentionMap, attentionOf } from './distill/attention.ts';
export { embeddingOf, hardRankOf, logOrders, orders, scoresOf, softRankOf } from './distill/darkrank.ts';
export { flowOf } from './distill/fsp.ts';
export { hintOf } from './distill/hints.ts';
export { logitsOf } from './distill/logits.ts';
export { lwfOf } from './distill/lwf.ts';
export { mimicOf } from './distill/mimic.ts';
export { branchesOf, ensembleOf } from './distill/one.ts';
export { hintOfRocket } from './distill/rocket.ts';
export { slopeOf, slopesOf, unit } from './distill/sobolev.ts';
export { softTargetsOf } from './distill/soft-targets.ts';
export { crossEntropyOf } from './loss/cross-entropy.ts';
export { stopGradient } from './loss/stop-gradient.ts';
