/** @file The type of an entry in the tables of losses that recipes can name, and the fields that many of them share. */
import type * as tf from '@tensorflow/tfjs-core';
import * as z from 'zod';
import type { Graph } from '../graph/index.ts';
import type { Loss, LossMaker, Nets } from '../learn/loss/loss.ts';
import type { Schedule } from '../learn/loss/schedule.ts';
import type { Changing } from './ramp.ts';

/** What making a loss may need besides its own fields. */
export interface LossContext {
  /** Steps of the run, over which ramps stretch. */
  readonly steps: number;
  /** An architecture's graph by its words, for a booster. */
  readonly compose?: (words: string) => Graph;
  /** A loss of the user's own file. It receives tf as an argument, so that the file need not import it. */
  readonly custom?: (module: string, name: string) => CustomLoss;
}

export type CustomLoss = (nets: Nets, t: typeof tf) => Loss;

/** A share of a whole. */
export const share = z.number().min(0).max(1);
/** Places in student and teacher. */
export const places = z
  .array(z.tuple([z.string(), z.string()]))
  .min(1)
  .optional();
export const place = z.string().min(1);
/** The teacher that a loss listens to, where there are several. */
export const taught = { teacher: place.optional() };
/** Whether an adapter may join different shapes. */
export const adapt = z.boolean().default(true);

/** What `make` of a loss receives besides its fields. */
export interface Making extends LossContext {
  /** A number of the recipe, or a schedule of one that changes over the run. */
  number(value: Changing): number | Schedule;
  readonly weight: number | Schedule;
}
/** A kind of loss in recipes. */
export interface LossKind<S extends z.ZodType> {
  /** The fields, with their defaults. */
  readonly schema: S;
  /** Whether a recipe with this loss must name a teacher. */
  readonly needsTeacher: boolean;
  /** The loss, of fields that the schema has checked. */
  make(fields: z.output<S>, at: Making): Promise<LossMaker>;
}
/** Infers the type of the fields from the schema. */
export const kind = <S extends z.ZodType>(entry: LossKind<S>): LossKind<S> => entry;
