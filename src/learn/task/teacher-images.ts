/** @file What a teacher sees where it takes other inputs than the student: the same views of the same images, prepared its own way. */
import type { Split } from '../../data/in-memory.ts';
import { MoonletError, UsageError } from '../../errors.ts';
import type { Augment } from './augment.ts';
import type { Batch } from './batches.ts';
import type { Scale } from './scale.ts';

/**
 * The training images as the teacher takes them: the same images in the same order, in its size and with its mean and standard
 * deviation. A `Dataset` of the same pictures, prepared by the teacher's card, is one.
 */
export interface TeacherImages extends Scale {
  readonly train: Split;
}

/** @throws MoonletError when the images are not those of the student, by their number and labels. */
export function checkTeacherImages({ train }: TeacherImages, own: Pick<Split, 'count' | 'labels'>): void {
  const fail = (reason: string): never => {
    throw new MoonletError(
      `the teacher's images ${reason}; give it the same images in the same order, prepared as it takes them`,
    );
  };
  if (train.count !== own.count) fail(`are ${train.count}, and the student's are ${own.count}`);
  const other = own.labels.findIndex((label, i) => label !== train.labels[i]);
  if (other >= 0)
    fail(`have label ${train.labels[other]} for image ${other}, and the student's have ${own.labels[other]}`);
}

/** @throws UsageError for augmentations that student and teacher would not see alike; it names them. */
export function checkSharedAugment(augment: Augment = {}): void {
  const { shift: _, flip: __, ...others } = augment;
  const names = Object.entries(others).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (names.length)
    throw new UsageError(
      `augment: the teacher takes other images than the student, and only shift and flip are the same for both; remove ${names.join(', ')}`,
    );
}

/** Batches of the student with those of the teacher beside them. Views have keys, so that both are moved and mirrored alike. */
export const besideTeacher =
  <B extends Batch>(
    own: (step: number) => B | Promise<B>,
    theirs: (step: number) => Batch,
  ): ((step: number) => B | Promise<B>) =>
  (step) => {
    const beside = (batch: B): B => ({ ...batch, teacherX: theirs(step).x });
    const batch = own(step);
    return batch instanceof Promise ? batch.then(beside) : beside(batch);
  };
