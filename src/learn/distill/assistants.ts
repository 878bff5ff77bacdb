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
 * Train the links in order. The last one is the student; the others are returned with it.
 * @throws MoonletError before the first step for what does not fit in any link.
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
