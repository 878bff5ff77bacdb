/** @file The table of all kinds of compression steps. A new step is a value of `StepKind` and its line here. */
import type * as z from 'zod';
import type { StepKind } from './step-kind.ts';
import { channels } from './steps/channels.ts';
import { factorize } from './steps/factorize.ts';
import { quantize } from './steps/quantize.ts';
import { distill, fit, trainQuantized } from './steps/training.ts';
import { circulate, fold, half, hash, huffman, prune, share } from './steps/weights.ts';

const table = {
  channels,
  prune,
  factorize,
  quantize,
  'train-quantized': trainQuantized,
  share,
  hash,
  circulate,
  half,
  fold,
  fit,
  distill,
  huffman,
};
/** The name of a kind of step. */
export type StepName = keyof typeof table;

/** Each step's JSON form, by name. */
type StepsByName = { readonly [Name in StepName]: z.output<(typeof table)[Name]['schema']> };
/** A step with all defaults filled in. */
export type CompressStep = StepsByName[StepName];
/** A step as it is written: what has a default may be left out. */
export type CompressStepInput = z.input<(typeof table)[StepName]['schema']>;
/** A step of one kind, in a form that TypeScript keeps together with its entry of the table. */
export type StepNamed<Name extends StepName> = { [N in Name]: StepsByName[N] & { readonly step: N } }[Name];

/** All kinds by the name that their JSON form carries. */
export const stepKinds: { readonly [Name in StepName]: StepKind<StepNamed<Name>> } = table;

/** Whether a text is the name of a step. */
export const isStepName = (name: string): name is StepName => Object.hasOwn(table, name);
/** The names of all steps. */
export const stepNames: readonly StepName[] = Object.keys(table).filter(isStepName);
