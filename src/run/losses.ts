/**
 * @file The losses of recipes by name: a table in which each kind has its fields, whether it needs a teacher, and the
 * function that makes it. A new loss is one entry. `make` loads its file when it is called, so that reading a recipe
 * loads no tf. The methods after the survey have the table of `later-losses.ts`.
 */
import * as z from 'zod';
import { MoonletError, suggestion } from '../errors.ts';
import { type LossMaker, taughtBy } from '../learn/loss/loss.ts';
import type { Schedule } from '../learn/loss/schedule.ts';
import { laterLosses } from './later-losses.ts';
import { adapt, kind, type LossContext, type Making, place, places, share, taught } from './loss-kind.ts';
import { type Changing, changing, changingAboveZero, ramp } from './ramp.ts';

export type { CustomLoss, LossContext } from './loss-kind.ts';

const table = {
  'cross-entropy': kind({
    schema: z.strictObject({
      kind: z.literal('cross-entropy'),
      weight: changing.default(1),
      labelSmoothing: share.default(0),
    }),
    needsTeacher: false,
    make: async ({ labelSmoothing }, { weight }) => {
      const { crossEntropy } = await import('../learn/loss/cross-entropy.ts');
      return crossEntropy({ weight, labelSmoothing });
    },
  }),
  'soft-targets': kind({
    schema: z.strictObject({
      kind: z.literal('soft-targets'),
      ...taught,
      weight: changing.default(0.9),
      temperature: changingAboveZero.default(4),
    }),
    needsTeacher: true,
    make: async ({ temperature }, { weight, number }) => {
      const { softTargets } = await import('../learn/distill/soft-targets.ts');
      return softTargets({ weight, temperature: number(temperature) });
    },
  }),
  attention: kind({
    schema: z.strictObject({
      kind: z.literal('attention'),
      ...taught,
      weight: changing.default(1000),
      pairs: places,
    }),
    needsTeacher: true,
    make: async ({ pairs }, { weight }) => {
      const { attention } = await import('../learn/distill/attention.ts');
      return attention({ weight, ...(pairs ? { pairs } : {}) });
    },
  }),
  logits: kind({
    schema: z.strictObject({ kind: z.literal('logits'), ...taught, weight: changing.default(1) }),
    needsTeacher: true,
    make: async (_, { weight }) => {
      const { logits } = await import('../learn/distill/logits.ts');
      return logits({ weight });
    },
  }),
  hints: kind({
    schema: z.strictObject({
      kind: z.literal('hints'),
      ...taught,
      weight: changing.default(1),
      pairs: places,
      adapt,
    }),
    needsTeacher: true,
    make: async ({ pairs, adapt }, { weight }) => {
      const { hints } = await import('../learn/distill/hints.ts');
      return hints({ weight, adapt, ...(pairs ? { pairs } : {}) });
    },
  }),
  fsp: kind({
    schema: z.strictObject({
      kind: z.literal('fsp'),
      ...taught,
      weight: changing.default(1),
      points: places,
      adapt,
    }),
    needsTeacher: true,
    make: async ({ points, adapt }, { weight }) => {
      const { fsp } = await import('../learn/distill/fsp.ts');
      return fsp({ weight, adapt, ...(points ? { points } : {}) });
    },
  }),
  darkrank: kind({
    schema: z.strictObject({
      kind: z.literal('darkrank'),
      ...taught,
      weight: changing.default(1),
      form: z.enum(['soft', 'hard']).default('soft'),
      alpha: z.number().positive().default(3),
      beta: z.number().positive().default(3),
      list: z.int().min(2).max(6).default(4),
      embeddings: z.tuple([z.string(), z.string()]).optional(),
    }),
    needsTeacher: true,
    make: async ({ form, alpha, beta, list, embeddings }, { weight }) => {
      const { darkRank } = await import('../learn/distill/darkrank.ts');
      return darkRank({ weight, form, alpha, beta, list, ...(embeddings ? { embeddings } : {}) });
    },
  }),
  sobolev: kind({
    schema: z.strictObject({
      kind: z.literal('sobolev'),
      ...taught,
      weight: changing.default(1),
      projections: z.int().min(1).max(64).default(1),
    }),
    needsTeacher: true,
    make: async ({ projections }, { weight }) => {
      const { sobolev } = await import('../learn/distill/sobolev.ts');
      return sobolev({ weight, projections });
    },
  }),
  lwf: kind({
    schema: z.strictObject({
      kind: z.literal('lwf'),
      ...taught,
      weight: changing.default(1),
      temperature: changingAboveZero.default(2),
      old: place.optional(),
    }),
    needsTeacher: true,
    make: async ({ temperature, old }, { weight, number }) => {
      const { lwf } = await import('../learn/distill/lwf.ts');
      return lwf({ weight, temperature: number(temperature), ...(old === undefined ? {} : { old }) });
    },
  }),
  one: kind({
    schema: z.strictObject({
      kind: z.literal('one'),
      weight: changing.default(1),
      branches: z.int().min(2).max(16).default(3),
      from: place.optional(),
      temperature: changingAboveZero.default(3),
      ramp: changing.default(1),
    }),
    needsTeacher: false,
    make: async ({ branches, from, temperature, ramp }, { weight, number }) => {
      const { one } = await import('../learn/distill/one.ts');
      return one({
        ...{ weight, branches, temperature: number(temperature), ramp: number(ramp) },
        ...(from === undefined ? {} : { from }),
      });
    },
  }),
  rocket: kind({
    schema: z.strictObject({
      kind: z.literal('rocket'),
      weight: changing.default(1),
      /** An architecture with its options. */
      booster: place,
      share: place.nullable().default('stage1'),
      lambda: changing.default(0.03),
    }),
    needsTeacher: false,
    make: async ({ booster, share, lambda }, { weight, number, compose }) => {
      if (!compose) throw new MoonletError('rocket: a booster given by name needs the function "compose"');
      const { rocket } = await import('../learn/distill/rocket.ts');
      return rocket({ weight, booster: compose(booster), share, lambda: number(lambda) });
    },
  }),
  ...laterLosses,
  /** A loss of the user: the file exports by this name a function of the nets and tf that gives a Loss. */
  custom: kind({
    schema: z.strictObject({
      kind: z.literal('custom'),
      ...taught,
      weight: changing.optional(),
      /** A JavaScript or TypeScript file, relative to the working directory. */
      module: place,
      export: place.default('default'),
    }),
    needsTeacher: false,
    make: async (l, { weight, custom }) => {
      if (!custom)
        throw new MoonletError('custom: a loss from a module needs the function "custom", which loads it');
      const make = custom(l.module, l.export);
      const t = await import('@tensorflow/tfjs-core');
      return (nets) => ({ ...make(nets, t), ...(l.weight === undefined ? {} : { weight }) });
    },
  }),
} as const;

type Kind = keyof typeof table;
export type ParsedLoss = { [K in Kind]: z.output<(typeof table)[K]['schema']> }[Kind];
export type LossRecipe = { [K in Kind]: z.input<(typeof table)[K]['schema']> }[Kind];
const isKind = (name: string): name is Kind => Object.hasOwn(table, name);
/** The names of the losses that recipes can use. */
export const lossKinds: readonly Kind[] = Object.keys(table).filter(isKind);

/** The schemas of all kinds, of which zod wants at least one. */
const [first, ...others] = lossKinds.map((name) => table[name].schema);
if (!first) throw new Error('internal: the table of losses is empty');
/** The schema of a loss in a recipe. */
export const loss = z.discriminatedUnion('kind', [first, ...others], {
  error: (issue) => {
    const { input } = issue;
    const kind = typeof input === 'object' && input && 'kind' in input ? input.kind : undefined;
    if (typeof kind !== 'string') return `a loss has a "kind", one of ${lossKinds.join(', ')}`;
    return `no loss "${kind}".${suggestion(kind, lossKinds)} Known: ${lossKinds.join(', ')}`;
  },
});

/** Whether a recipe with this loss must name a teacher. */
export const needsTeacher = ({ kind }: ParsedLoss): boolean => table[kind].needsTeacher;
const classLosses: readonly Kind[] = [
  ...(['soft-targets', 'logits', 'sobolev', 'lwf', 'dkd', 'dist', 'logit-standardization'] as const),
  ...(['token-distillation', 'multi-teacher'] as const),
];
/** Whether a loss compares what student and teacher say of classes, of which both must then have the same. */
export const comparesClasses = ({ kind }: Pick<ParsedLoss, 'kind'>): boolean => classLosses.includes(kind);
/** The name of the teacher that a loss listens to, when it names one. */
export const teacherNamed = (l: ParsedLoss): string | undefined => ('teacher' in l ? l.teacher : undefined);

/** The loss that the fields of a recipe describe. @throws MoonletError for a booster or a file that does not exist. */
export async function lossOf(l: ParsedLoss, at: LossContext): Promise<LossMaker> {
  const number = (value: Changing): number | Schedule => ramp(value, at.steps);
  // a method's parameters are bivariant: the entry of a kind receives that kind's fields
  const entry: { make(fields: ParsedLoss, at: Making): Promise<LossMaker> } = table[l.kind];
  const maker = await entry.make(l, { ...at, number, weight: number(l.weight ?? 1) });
  const teacher = teacherNamed(l);
  return teacher === undefined ? maker : taughtBy(teacher, maker);
}
