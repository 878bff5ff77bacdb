/** @file The public names of training: the step, the trainer, checkpoints, stages. */
export { type CheckpointName, type CheckpointStore, packCheckpoint, unpackCheckpoint } from './checkpoint.ts';
export {
  type FitOptions,
  type FitTaskOptions,
  type Fitted,
  fit,
  fitTask,
  type Growing,
  type StepReport,
} from './fit.ts';
export { browserCheckpoints } from './indexed-db.ts';
export { type AdamOptions, adam, type Optimizer, type SgdOptions, sgd } from './optimizer.ts';
export type { History } from './progress.ts';
export { checkStage, fitStages, type Stage, type StagesOptions } from './stages.ts';
export { firstState, parametersIn, type Step, type StepPlan, step, targetInput, weightsIn } from './step.ts';
export { type Guide, guide, memoryCache, type TeacherCache, teacherIdentity } from './teacher.ts';
export { packCache, unpackCache } from './teacher-cache-file.ts';
export { type Form, inTurn } from './weight-form.ts';
