/** @file The progress of a run in a checkpoint, validated by a schema, since the file may be damaged. */
import * as z from 'zod';
import { MoonletError } from '../../errors.ts';
import { issueText } from '../../graph/index.ts';

/** JSON has no NaN: the loss of a run that diverged is null there. */
const measured = z.number().nullable();
const count = z.int().min(0);
const progressSchema = z.strictObject({
  step: count,
  recipe: z.string(),
  history: z.strictObject({
    loss: z.array(measured),
    validation: z.array(z.tuple([count, measured])),
  }),
});
/** The progress in a checkpoint's JSON. @throws MoonletError that says where it departs from one. */
export function progressIn(text: string | undefined): Progress {
  if (text === undefined) throw new MoonletError('checkpoint: says no progress; the file is damaged');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new MoonletError('checkpoint: its progress is not JSON; the file is damaged');
  }
  const parsed = progressSchema.safeParse(json);
  if (!parsed.success)
    throw new MoonletError(`checkpoint: progress, ${issueText(parsed.error)}; the file is damaged`);
  const { step, recipe, history } = parsed.data;
  if (step !== history.loss.length)
    throw new MoonletError(
      `checkpoint: ${step} steps are done, and ${history.loss.length} have a loss; the file is damaged`,
    );
  return {
    step,
    recipe,
    history: {
      loss: history.loss.map((loss) => loss ?? Number.NaN),
      validation: history.validation.map(([at, measure]) => [at, measure ?? Number.NaN]),
    },
  };
}

export interface Progress {
  /** Steps done. */
  readonly step: number;
  /** What the run is, by `runIdentity`: another must not resume it. */
  readonly recipe: string;
  readonly history: History;
}

export interface History {
  /** The total loss at each step. */
  readonly loss: readonly number[];
  /** The task's measure of the held-out part at some steps: for classes, accuracy. */
  readonly validation: readonly (readonly [step: number, measure: number])[];
}
