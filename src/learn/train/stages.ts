/**
 * @file Runs with several stages, each with its own losses, rate and teacher; each continues from the result of the
 * one before.
 */
import { defined } from '../../access.ts';
import type { Net } from '../../weights/index.ts';
import type { Task } from '../task/task.ts';
import type { CheckpointStore } from './checkpoint.ts';
import { type FitTaskOptions, type Fitted, fitTask } from './fit.ts';
import { boundFor } from './trainer.ts';

export interface Stage extends FitTaskOptions {
  readonly name: string;
}
export interface StagesOptions {
  /** Each stage keeps its own checkpoints; finished stages are not run again. */
  readonly checkpoints?: (stage: string) => CheckpointStore;
  readonly onStage?: (stage: Stage) => void;
}

/**
 * Trains a net in stages, such as FitNets' hints first and soft targets after. What a stage puts beside the student is removed
 * when the next begins. The history returned is that of the last stage; a signal ends the whole run.
 * @throws MoonletError before the first step of the first stage for what does not fit in any of them.
 *
 * @example
 * import { graph, init, input } from 'moonlet';
 * import { dataset } from 'moonlet/data';
 * import { fitStages, losses, tasks } from 'moonlet/learn';
 *
 * const pixels = Uint8Array.from({ length: 32 * 64 }, (_, i) => (i * i) % 251);
 * const labels = Array.from({ length: 32 }, (_, i) => i % 4);
 * const data = dataset({ shape: [8, 8, 1], classes: 4, train: { pixels, labels }, test: { pixels, labels } });
 * const tiny = (channels: number) =>
 *   init(graph('tiny', input(8, 8, 1).pipe('stage1', (x) => x.conv(channels).norm().relu()).globalPool().dense(4)));
 * const teacher = tiny(12);
 * const { net } = await fitStages(tiny(8), tasks.classification(data.train, data), [
 *   { name: 'hints', steps: 3, batch: 8, teacher, losses: [losses.hints({ pairs: [['stage1', 'stage1']] })] },
 *   { name: 'labels', steps: 3, batch: 8 },
 * ]);
 * net.graph.name; // 'tiny'
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
  return defined(done, 'stage');
}

/**
 * Checks a stage without training.
 * @throws MoonletError when the stage's losses and batch do not fit net, teachers and task.
 */
export const checkStage = (net: Net, task: Task, o: Omit<FitTaskOptions, 'steps'>): void =>
  void boundFor(net.graph, task, o);
