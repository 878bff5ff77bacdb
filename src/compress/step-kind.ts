/**
 * @file A kind of compression step: the options it takes, the data it needs, what it does, and what it asks of the steps
 * after it. Each kind is one value of this type, listed in step-kinds.ts; words, JSON and the pipeline all read it. What computes
 * with tensors is imported when a step runs, so that reading and refusing steps loads none of it.
 */
import * as z from 'zod';
import type { Dataset, Split } from '../data/in-memory.ts';
import { take } from '../data/split.ts';
import type { Net } from '../weights/index.ts';
import type { Contract } from './contracts.ts';
import type { CompressOptions } from './options.ts';

/** What a step may use besides the net that it changes. */
export interface StepContext {
  /** The net before the first step. */
  readonly original: Net;
  /** What the steps so far made, and this one must keep. */
  readonly contracts: readonly Contract[];
  readonly dataset: Dataset | undefined;
  /** The training examples that are not held out. */
  readonly train: Split | undefined;
  readonly options: CompressOptions;
}

/** What a step returns. */
export interface StepResult<Step> {
  readonly net: Net;
  /** The step with the values that it chose itself; the step as it was given by default. */
  readonly step?: Step;
  /** The compact file, from the step that writes it. */
  readonly file?: Uint8Array;
}

/** Everything about one kind of step. `Step` is its JSON form, with all defaults filled in. */
export interface StepKind<Step> {
  /** The JSON form: the literal `step` and the options. */
  readonly schema: z.ZodObject & z.ZodType<Step>;
  /** The option that stands directly after the name in words (`prune=0.8`); undefined for steps without a value. */
  readonly main: (keyof Step & string) | undefined;
  /** Options of which exactly one must be given. */
  readonly oneOf?: readonly (keyof Step & string)[];
  /** What the step needs data for, such as 'train'; undefined when it needs none. */
  readonly needs: (step: Step) => string | undefined;
  /** The net after the step. */
  readonly run: (net: Net, step: Step, context: StepContext) => StepResult<Step> | Promise<StepResult<Step>>;
  /**
   * What later steps must keep, from the nets after and before the step and the step in words; 'none' when they may
   * change anything, 'last' when no step may follow.
   */
  readonly contract: ((after: Net, before: Net, words: string) => Contract) | 'none' | 'last';
}

/** A kind whose step type is the output of its schema. */
export const stepKind = <Schema extends z.ZodObject>(
  kind: Omit<StepKind<z.output<Schema>>, 'schema'> & { readonly schema: Schema },
): Omit<StepKind<z.output<Schema>>, 'schema'> & { readonly schema: Schema } => kind;

/** A share of a whole. */
export const share = z.number().gt(0).max(1);
/** A whole number from 1 up. */
export const count = z.int().min(1);
/** Bits of a code. */
export const bits = z.int().min(2).max(8);
/** Paths or globs; in words they are joined by '+'. */
const paths = z.union([z.string().transform((s) => s.split('+')), z.array(z.string()).min(1)]);
/** The layers that a step changes; all by default. */
export const where = { only: paths.optional(), except: paths.optional() };

/** `only` and `except` as the edits take them. */
export const whereOf = ({
  only,
  except,
}: {
  only?: string[] | undefined;
  except?: string[] | undefined;
}) => ({
  ...(only ? { only } : {}),
  ...(except ? { except } : {}),
});

/** The `needs` of a step without data. */
export const needsNothing = (): undefined => undefined;

/** The data of a step that `needs` it. */
export function dataOf({ dataset, train }: StepContext): {
  readonly dataset: Dataset;
  readonly train: Split;
} {
  if (!dataset || !train) throw new Error('internal: a step that needs data runs without it');
  return { dataset, train };
}

/** Batches of some training examples, each [n, ...input] flat. */
export async function exampleBatches(
  context: StepContext,
  examples: number,
): Promise<readonly Float32Array[]> {
  const { passes } = await import('../learn/task/index.ts');
  const { dataset, train } = dataOf(context);
  const split = take(train, Math.min(examples, train.count), context.options.seed ?? 0);
  return [...passes(split, dataset, 32)].map((batch) => batch.x);
}
