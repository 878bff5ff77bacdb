/** @file Runs of several parts, each with losses, rate and teacher of its own, on what the one before left. */
import type { Net } from '../weights/index.ts';
import { checkBatchSize } from './batch-check.ts';
import { bind, type Teachers } from './bind.ts';
import type { CheckpointStore } from './checkpoint.ts';
import { crossEntropy } from './cross-entropy.ts';
import { type FitTaskOptions, type Fitted, fitTask } from './fit.ts';
import { checkCount } from './options.ts';
import { checkTargets, type Task } from './task.ts';

export interface Stage extends FitTaskOptions {
  readonly name: string;
}
export interface StagesOptions {
  /** Each stage keeps its own checkpoints; finished stages are not run again. */
  readonly checkpoints?: (stage: string) => CheckpointStore;
  readonly onStage?: (stage: Stage) => void;
}

/**
 * Train a net in stages: FitNets' hints first and soft targets after. What a stage puts beside the student is gone when the
 * next begins. The last stage's history comes back; a signal ends the whole run.
 * @throws MoonletError before the first step of the first stage for what does not fit in any of them.
 */
export async function fitStages(
  net: Net,
  task: Task,
  stages: readonly Stage[],
  { checkpoints, onStage }: StagesOptions = {},
): Promise<Fitted> {
  for (const stage of stages) checkStage(net, task, stage);
  let done: Fitted | undefined;
  for (const stage of stages) {
    onStage?.(stage);
    const store = checkpoints?.(stage.name);
    done = await fitTask(done?.net ?? net, task, { ...stage, ...(store ? { checkpoints: store } : {}) });
    if (!done.finished) break;
  }
  return done as Fitted;
}

/** @throws MoonletError when the stage's losses and batch do not fit net, teachers and task. */
export function checkStage(
  net: Net,
  task: Task,
  { losses = [crossEntropy()], ...o }: FitTaskOptions & Teachers,
): void {
  const bound = bind(net.graph, losses, o);
  checkTargets(net.graph, bound.losses, task);
  if (o.batch !== undefined) checkCount('batch', o.batch);
  checkBatchSize(bound, o.batch ?? 64, o.trained);
}
