/** @file `moonlet/learn`: training and distillation. */
export { type Augment, type Batch, batches, checkFit, type Labelled, passes, type Scale } from './batches.ts';
export { type Bound, bind, type Teachers } from './bind.ts';
export {
  type CheckpointName,
  type CheckpointStore,
  type History,
  packCheckpoint,
  unpackCheckpoint,
} from './checkpoint.ts';
export { type CrossEntropyOptions, crossEntropy, crossEntropyOf } from './cross-entropy.ts';
export {
  type DetectionOptions,
  type DetectorLossOptions,
  detection,
  detectorLoss,
  evaluateDetector,
} from './detect/index.ts';
export { type Adapter, type AdapterOptions, adapter } from './distill/adapters.ts';
export { assistants, type Link } from './distill/assistants.ts';
export { type AttentionOptions, attention, attentionMap, attentionOf } from './distill/attention.ts';
export { type CrossModalOptions, crossModal } from './distill/cross-modal.ts';
export {
  type DarkRankOptions,
  darkRank,
  embeddingOf,
  hardRankOf,
  logOrders,
  orders,
  scoresOf,
  softRankOf,
} from './distill/darkrank.ts';
export {
  drawTargets,
  noiseSplit,
  type ReconstructImagesOptions,
  reconstructImages,
} from './distill/data-free.ts';
export { type DetectionLossOptions, detectionDistillation } from './distill/detection.ts';
export { type FspOptions, flowOf, fsp } from './distill/fsp.ts';
export { type HintsOptions, hintOf, hints } from './distill/hints.ts';
export { type LogitsOptions, logits, logitsOf } from './distill/logits.ts';
export { type LwfOptions, lwf, lwfOf, withHead, withOutput } from './distill/lwf.ts';
export {
  type LayerRecord,
  type Metadata,
  packMetadata,
  recordedLayers,
  recordMetadata,
  unpackMetadata,
} from './distill/metadata.ts';
export { type Method, methods } from './distill/methods.ts';
export { type MimicOptions, mimic, mimicOf } from './distill/mimic.ts';
export { type Moonshine, type MoonshineOptions, moonshine } from './distill/moonshine.ts';
export { type ParsingLossOptions, parsingLoss } from './distill/multi-task.ts';
export { type MungeOptions, munge, nearest } from './distill/munge.ts';
export { type Net2Net, net2net } from './distill/net2net.ts';
export {
  type ChooseOptions,
  type ChosenNeurons,
  chooseNeurons,
  type NeuronSelectionOptions,
  neuronSelection,
} from './distill/neuron-selection.ts';
export { branchesOf, ensembleOf, type OneOptions, one } from './distill/one.ts';
export { hintOfRocket, type RocketOptions, rocket } from './distill/rocket.ts';
export { type Selection, type SelectOptions, selectNeurons } from './distill/select-neurons.ts';
export { type SobolevOptions, slopeOf, slopesOf, sobolev, unit } from './distill/sobolev.ts';
export { type SoftTargetsOptions, softTargets, softTargetsOf } from './distill/soft-targets.ts';
export { type DistillOptions, distill } from './distill.ts';
export { type EvaluateOptions, type Evaluation, evaluate, type LabelPair, score } from './evaluate.ts';
export { energies, type GradientOptions, gradients } from './evidence.ts';
export {
  type FitOptions,
  type FitTaskOptions,
  type Fitted,
  fit,
  fitTask,
  type Growing,
  type StepReport,
} from './fit.ts';
export { type Form, inTurn } from './form.ts';
export { type Guide, guide, memoryCache, type TeacherCache, teacherIdentity } from './guide.ts';
export { interval95, wilson } from './interval.ts';
export { type Loss, type LossMaker, type Nets, type Signals, taughtBy, teacherOf } from './loss.ts';
export { type CustomLoss, type LossContext, type LossRecipe, lossKinds } from './loss-recipes.ts';
export { type MorphNetOptions, morphnet } from './morphnet.ts';
export { type NestedOptions, nestedNet } from './nestednet.ts';
export { type AdamOptions, adam, type Optimizer, type SgdOptions, sgd } from './optimizer.ts';
export {
  type DepthScore,
  depthScore,
  type EvaluateParserOptions,
  evaluateParser,
  type ParserEvaluation,
  type ParsingOptions,
  pairs,
  parserLayout,
  parsing,
  type SegmentationScore,
  segmentationScore,
} from './parse/index.ts';
export {
  fitOptions,
  type Locate,
  optimizerOf,
  parseRecipe,
  type Recipe,
  type RecipeInput,
  stageRecipes,
  type Transfer,
  usualLosses,
} from './recipe.ts';
export { type ReconstructOptions, reconstruct } from './reconstruct.ts';
export { type Modality, modalities } from './scene-batches.ts';
export {
  detectionLosses,
  parseSceneRecipe,
  type SceneRecipe,
  type SceneRecipeInput,
  type SceneRecipeOf,
  withoutTeacher,
} from './scene-recipe.ts';
export { constant, cosine, oneCycle, type Schedule, schedule, scheduleNames, stepwise } from './schedule.ts';
export { type SlimmingOptions, slimming } from './slimming.ts';
export { type GradualOptions, gradually, keepZeros, type Projection, sparsityAt } from './sparse.ts';
export { between, overlap, type SplitNet, type SplitNetOptions, splitNet } from './splitnet.ts';
export { checkStage, fitStages, type Stage, type StagesOptions } from './stages.ts';
export { reestimateNorms } from './statistics.ts';
export { firstState, parametersIn, type Step, type StepPlan, step, targetInput, weightsIn } from './step.ts';
export { stopGradient } from './stop-gradient.ts';
export { stagePairs, strideTaps, type Tap, type TapPair, tap } from './taps.ts';
export { type ClassificationOptions, classification, type Targets, type Task } from './task.ts';
export { packCache, unpackCache } from './teacher-cache-file.ts';
