/**
 * @file Born-again networks, self-distillation. Furlanello, Lipton, Tschannen, Itti and Anandkumar, ICML 2018, arXiv:1805.04770,
 * section 3: a net teaches a fresh one of the same architecture, which often does better than its teacher; that one teaches
 * the next, and so on.
 *
 *   generation 0: the labels alone; generation k: L = CE(labels) + KL(softmax(v) || softmax(z)),  v of generation k - 1
 *
 * The temperature is 1, each generation begins from a seed of its own, and the mean of all generations (`ensemble`) is the
 * paper's "born-again ensemble".
 */
import { defined } from '../../access.ts';
import type { Graph } from '../../graph/index.ts';
import { init, type Net } from '../../weights/index.ts';
import { crossEntropy } from '../loss/cross-entropy.ts';
import type { LossMaker } from '../loss/loss.ts';
import { checkCount } from '../options.ts';
import type { Task } from '../task/task.ts';
import { type FitTaskOptions, type Fitted, fitTask } from '../train/fit.ts';
import { checkStage, type StagesOptions } from '../train/stages.ts';
import { softTargets } from './soft-targets.ts';

export interface BornAgainOptions
  extends Omit<FitTaskOptions, 'losses' | 'teacher' | 'checkpoints' | 'growth'> {
  /** How many nets are trained, one after another; 3 by default. */
  readonly generations?: number;
  /** The teacher of the first one; by default labels alone train it. */
  readonly teacher?: Net;
  /** The losses of a generation that has a teacher; by default cross-entropy and soft targets at temperature 1, both with weight 1. */
  readonly losses?: readonly LossMaker[];
  /** A store of checkpoints for each generation, `generation-1`, `generation-2`, ... */
  readonly checkpoints?: NonNullable<StagesOptions['checkpoints']>;
  /** Called with the net of each generation when it has been trained. */
  readonly onGeneration?: (net: Net, generation: number) => void;
}

/**
 * Born-again training: generations of one architecture, each taught by the one before (Furlanello et al. 2018, arXiv:1805.04770). The
 * k-th begins from fresh weights of `seed` + k - 1, with which its examples are ordered too. A signal ends the whole run.
 * @returns the last generation, and the nets of all in order, whose `ensemble` does better still.
 * @throws MoonletError before the first step when net, data and losses do not fit; UsageError for options out of range.
 *
 * @example
 * import { ensemble, graph, input } from 'moonlet';
 * import { dataset } from 'moonlet/data';
 * import { methods, tasks } from 'moonlet/learn';
 *
 * const pixels = Uint8Array.from({ length: 32 * 64 }, (_, i) => (i * i) % 251);
 * const labels = Array.from({ length: 32 }, (_, i) => i % 4);
 * const data = dataset({ shape: [8, 8, 1], classes: 4, train: { pixels, labels }, test: { pixels, labels } });
 * const net = graph('tiny', input(8, 8, 1).pipe('stage1', (x) => x.conv(8).norm().relu()).globalPool().dense(4));
 * const task = tasks.classification(data.train, data);
 * const { generations } = await methods.bornAgain(net, task, { generations: 2, steps: 3, batch: 8 });
 * generations.length; // 2
 * ensemble(generations).graph.name; // 'ensemble'
 */
export async function bornAgain(
  graph: Graph,
  task: Task,
  o: BornAgainOptions,
): Promise<{ readonly student: Fitted; readonly generations: readonly Net[] }> {
  const { generations: count = 3, teacher, losses, checkpoints, onGeneration, seed = 0, ...run } = o;
  checkCount('generations', count);
  const taught = losses ?? [crossEntropy(), softTargets({ weight: 1, temperature: 1 })];
  const optionsOf = (by: Net | undefined): Omit<FitTaskOptions, 'checkpoints'> => ({
    ...run,
    losses: by ? taught : [crossEntropy()],
    ...(by ? { teacher: by } : {}),
  });
  const fresh = (generation: number): Net => init(graph, { seed: seed + generation });
  checkStage(fresh(0), task, optionsOf(teacher));
  if (count > 1) checkStage(fresh(1), task, optionsOf(fresh(0)));
  const done: Net[] = [];
  let last: Fitted | undefined;
  for (let generation = 0; generation < count; generation++) {
    const store = checkpoints?.(`generation-${generation + 1}`);
    last = await fitTask(fresh(generation), task, {
      ...optionsOf(done.at(-1) ?? teacher),
      seed: seed + generation,
      ...(store ? { checkpoints: store } : {}),
    });
    if (!last.finished) break;
    done.push(last.net);
    onGeneration?.(last.net, generation + 1);
  }
  return { student: defined(last, 'generation'), generations: done };
}
