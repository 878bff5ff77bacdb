/**
 * `moonlet/learn`: training and distillation.
 *
 * At the top stand the calls that start a run, what they are given and what they give. The rest is in groups: `losses` (what a
 * student is trained by), `tasks` (what it is trained for), `methods` (ways of distillation that are more than a loss),
 * `structure` (training that changes a net's structure), `training` (the step and the trainer, for loops of one's own) and
 * `formulas` (the equations of the losses as functions of tensors).
 *
 * @module moonlet/learn
 */
export { type DistillOptions, distill, laterMethods, methods as surveyedMethods } from './distill/index.ts';
export * as formulas from './formulas.ts';
export {
  type Bound,
  constant,
  cosine,
  type Loss,
  type LossMaker,
  oneCycle,
  type Schedule,
  stepwise,
  type Tap,
  type TapPair,
} from './loss/index.ts';
export * as losses from './losses.ts';
export * as methods from './methods.ts';
export * as structure from './structure/index.ts';
export * as tasks from './task/index.ts';
export {
  type Augment,
  type EvaluateOptions,
  type Evaluation,
  evaluate,
  type Task,
} from './task/index.ts';
export * as training from './train/index.ts';
export {
  adam,
  browserCheckpoints,
  type CheckpointStore,
  type FitOptions,
  type FitTaskOptions,
  type Fitted,
  fit,
  fitStages,
  fitTask,
  type Growing,
  type History,
  memoryCache,
  type Optimizer,
  type Stage,
  type StagesOptions,
  type StepReport,
  sgd,
  type TeacherCache,
} from './train/index.ts';
