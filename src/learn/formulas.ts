/** @file The equations of the losses as functions of tensors, for custom losses. */

export { adaptivePool } from './distill/adaptive-pool.ts';
export { attentionMap, attentionOf } from './distill/attention.ts';
export { contrastOf } from './distill/crd.ts';
export { hardRankOf, logOrders, orders, scoresOf, softRankOf } from './distill/darkrank.ts';
export { correlationGap } from './distill/dist.ts';
export { decoupledOf } from './distill/dkd.ts';
export { embeddingOf } from './distill/embeddings.ts';
export { flowOf } from './distill/fsp.ts';
export { hintOf } from './distill/hints.ts';
export { standardize } from './distill/logit-standardization.ts';
export { logitsOf } from './distill/logits.ts';
export { lwfOf } from './distill/lwf.ts';
export { mimicOf } from './distill/mimic.ts';
export { confidencesOf, divergenceOf, meanOf } from './distill/multi-teacher.ts';
export { branchesOf, ensembleOf } from './distill/one.ts';
export { contextLoss } from './distill/review-kd.ts';
export { anglesOf, distancesOf, huber } from './distill/rkd.ts';
export { hintOfRocket } from './distill/rocket.ts';
export { slopeOf, slopesOf, unit } from './distill/sobolev.ts';
export { softTargetsOf } from './distill/soft-targets.ts';
export { crossEntropyOf } from './loss/cross-entropy.ts';
export { stopGradient } from './loss/stop-gradient.ts';
