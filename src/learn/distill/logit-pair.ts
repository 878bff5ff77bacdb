/** @file The logits of student and teacher, for losses that compare what both say of the same classes. */
import { MoonletError } from '../../errors.ts';
import type { Graph } from '../../graph/index.ts';
import { checkClasses, classEnd } from '../../read/index.ts';

export interface LogitPair {
  /** The nodes of the logits, [classes]. */
  readonly student: string;
  readonly teacher: string;
  readonly classes: number;
}

/**
 * The logits of both nets.
 * @throws MoonletError when the numbers of classes differ, there is one class, or a net has no logits.
 */
export function logitPair(student: Graph, teacher: Graph, loss: string): LogitPair {
  const [mine, theirs] = [classEnd(student), classEnd(teacher)];
  if (mine.classes !== theirs.classes)
    throw new MoonletError(
      `${loss}: the student has ${mine.classes} classes, the teacher ${theirs.classes}; the numbers must be equal`,
    );
  checkClasses(student, mine.classes);
  return { student: mine.logits, teacher: theirs.logits, classes: mine.classes };
}
