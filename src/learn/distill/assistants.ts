/**
 * @file Teacher assistants. Mirzadeh et al., AAAI 2020, arXiv:1902.03393: between a large teacher and a small student stand
 * nets of sizes between, each taught by the one before and teaching the next.
 */
import { defined } from '../../access.ts';
import type { Net } from '../../weights/index.ts';
import type { Task } from '../task/task.ts';
import type { Fitted } from '../train/fit.ts';
import { checkStage, fitStages, type Stage, type StagesOptions } from '../train/stages.ts';

/** A net of the chain and how it is trained; its teacher is the net before it. */
export interface Link {
  readonly student: Net;
  /** One or more; the names of all links' stages differ. */
  readonly stages: readonly Stage[];
}

/**
 * Trains the links in order, each taught by the one before. The last one is the student; the others are returned with it.
 * @throws MoonletError before the first step for what does not fit in any link.
 *
 * @example
 * import { graph, init, input } from 'moonlet';
 * import { dataset } from 'moonlet/data';
 * import { losses, methods, tasks } from 'moonlet/learn';
 *
 * const pixels = Uint8Array.from({ length: 32 * 64 }, (_, i) => (i * i) % 251);
 * const labels = Array.from({ length: 32 }, (_, i) => i % 4);
 * const data = dataset({ shape: [8, 8, 1], classes: 4, train: { pixels, labels }, test: { pixels, labels } });
 * const tiny = (channels: number) =>
 *   init(graph('tiny', input(8, 8, 1).pipe('stage1', (x) => x.conv(channels).norm().relu()).globalPool().dense(4)));
 * const taught = [losses.crossEntropy({ weight: 0.1 }), losses.softTargets()];
 * const stage = (name: string) => ({ name, steps: 3, batch: 8, losses: taught });
 * const links = [12, 8].map((channels) => ({ student: tiny(channels), stages: [stage(`channels-${channels}`)] }));
 * const { student } = await methods.assistants(tiny(16), links, tasks.classification(data.train, data));
 * student.finished; // true
 */
export async function assistants(
  teacher: Net,
  links: readonly Link[],
  task: Task,
  o: StagesOptions = {},
): Promise<{ readonly student: Fitted; readonly assistants: readonly Net[] }> {
  const taught = (stage: Stage, by: Net): Stage => ({ ...stage, teacher: by });
  links.forEach(({ student, stages }, i) => {
    for (const stage of stages) checkStage(student, task, taught(stage, links[i - 1]?.student ?? teacher));
  });
  const done: Net[] = [];
  let last: Fitted | undefined;
  for (const { student, stages } of links) {
    const by = done.at(-1) ?? teacher;
    last = await fitStages(
      student,
      task,
      stages.map((s) => taught(s, by)),
      o,
    );
    if (!last.finished) break;
    done.push(last.net);
  }
  return { student: defined(last, 'link'), assistants: done.slice(0, -1) };
}
