/** @file Distillation: a file per paper. */
export { type Adapter, type AdapterOptions, adapter } from './adapters.ts';
export { adaptivePool } from './adaptive-pool.ts';
export { assistants, type Link } from './assistants.ts';
export { type AttentionOptions, attention, attentionMap, attentionOf } from './attention.ts';
export { type BornAgainOptions, bornAgain } from './born-again.ts';
export { type CrdOptions, contrastOf, crd } from './crd.ts';
export { type CrossModalOptions, crossModal } from './cross-modal.ts';
export {
  type DarkRankOptions,
  darkRank,
  hardRankOf,
  logOrders,
  orders,
  scoresOf,
  softRankOf,
} from './darkrank.ts';
export { drawTargets, noiseSplit, type ReconstructImagesOptions, reconstructImages } from './data-free.ts';
export { type DetectionLossOptions, detectionDistillation } from './detection.ts';
export { correlationGap, type DistOptions, dist } from './dist.ts';
export { type DistillOptions, distill } from './distill.ts';
export { type DkdOptions, decoupledOf, dkd } from './dkd.ts';
export { embeddingOf } from './embeddings.ts';
export { type FeaturesOptions, features } from './features.ts';
export { type FspOptions, flowOf, fsp } from './fsp.ts';
export {
  type FunctionMatching,
  type FunctionMatchingOptions,
  functionMatching,
} from './function-matching.ts';
export { type HintsOptions, hintOf, hints } from './hints.ts';
export {
  type LogitStandardizationOptions,
  logitStandardization,
  standardize,
} from './logit-standardization.ts';
export { type LogitsOptions, logits, logitsOf } from './logits.ts';
export { addHead, type LwfOptions, lwf, lwfOf, withOutput } from './lwf.ts';
export {
  type LayerRecord,
  type Metadata,
  packMetadata,
  recordedLayers,
  recordMetadata,
  unpackMetadata,
} from './metadata.ts';
export { laterMethods, type Method, methods } from './methods.ts';
export { type MimicOptions, mimic, mimicOf } from './mimic.ts';
export { type Moonshine, type MoonshineOptions, moonshine } from './moonshine.ts';
export { type ParsingLossOptions, parsingLoss } from './multi-task.ts';
export {
  confidencesOf,
  divergenceOf,
  type MultiTeacherOptions,
  meanOf,
  multiTeacher,
} from './multi-teacher.ts';
export { type MungeOptions, munge, nearest } from './munge.ts';
export { type Net2Net, net2net } from './net2net.ts';
export {
  type ChooseOptions,
  type ChosenNeurons,
  chooseNeurons,
  type NeuronSelectionOptions,
  neuronSelection,
} from './neuron-selection.ts';
export { branchesOf, ensembleOf, type OneOptions, one } from './one.ts';
export { contextLoss, type ReviewKdOptions, reviewKd } from './review-kd.ts';
export { anglesOf, distancesOf, huber, type RkdOptions, rkd } from './rkd.ts';
export { hintOfRocket, type RocketOptions, rocket } from './rocket.ts';
export { type Selection, type SelectOptions, selectNeurons } from './select-neurons.ts';
export { type SobolevOptions, slopeOf, slopesOf, sobolev, unit } from './sobolev.ts';
export { type SoftTargetsOptions, softTargets, softTargetsOf } from './soft-targets.ts';
export { type SrdOptions, srd } from './srd.ts';
export { type TokenDistillationOptions, tokenDistillation } from './token-distillation.ts';
