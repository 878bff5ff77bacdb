/** @file Losses of recipes as data: what each may be told. How each is made stands in `losses.ts`, which loads tf. */
import * as z from 'zod';
import { suggestion } from '../errors.ts';
import { changing } from './ramp.ts';

const share = z.number().min(0).max(1);
const places = z
  .array(z.tuple([z.string(), z.string()]))
  .min(1)
  .optional();
const place = z.string().min(1);
const taught = { teacher: place.optional() };
const adapt = z.boolean().default(true);

const schemas = {
  'cross-entropy': z.strictObject({
    kind: z.literal('cross-entropy'),
    weight: changing.default(1),
    labelSmoothing: share.default(0),
  }),
  'soft-targets': z.strictObject({
    kind: z.literal('soft-targets'),
    ...taught,
    weight: changing.default(0.9),
    temperature: changing.default(4),
  }),
  attention: z.strictObject({
    kind: z.literal('attention'),
    ...taught,
    weight: changing.default(1000),
    pairs: places,
  }),
  logits: z.strictObject({ kind: z.literal('logits'), ...taught, weight: changing.default(1) }),
  hints: z.strictObject({
    kind: z.literal('hints'),
    ...taught,
    weight: changing.default(1),
    pairs: places,
    adapt,
  }),
  fsp: z.strictObject({
    kind: z.literal('fsp'),
    ...taught,
    weight: changing.default(1),
    points: places,
    adapt,
  }),
  darkrank: z.strictObject({
    kind: z.literal('darkrank'),
    ...taught,
    weight: changing.default(1),
    form: z.enum(['soft', 'hard']).default('soft'),
    alpha: z.number().positive().default(3),
    beta: z.number().positive().default(3),
    list: z.int().min(2).max(6).default(4),
    embeddings: z.tuple([z.string(), z.string()]).optional(),
  }),
  sobolev: z.strictObject({
    kind: z.literal('sobolev'),
    ...taught,
    weight: changing.default(1),
    projections: z.int().min(1).max(64).default(1),
  }),
  lwf: z.strictObject({
    kind: z.literal('lwf'),
    ...taught,
    weight: changing.default(1),
    temperature: changing.default(2),
    old: place.optional(),
  }),
  one: z.strictObject({
    kind: z.literal('one'),
    weight: changing.default(1),
    branches: z.int().min(2).max(16).default(3),
    from: place.optional(),
    temperature: changing.default(3),
    ramp: changing.default(1),
  }),
  rocket: z.strictObject({
    kind: z.literal('rocket'),
    weight: changing.default(1),
    /** An architecture with its options. */
    booster: place,
    share: place.nullable().default('stage1'),
    lambda: changing.default(0.03),
  }),
  /** A loss of the user: the file exports by this name a function of the nets and tf that gives a Loss. */
  custom: z.strictObject({
    kind: z.literal('custom'),
    ...taught,
    weight: changing.optional(),
    /** A JavaScript or TypeScript file, from where the command runs. */
    module: place,
    export: place.default('default'),
  }),
} as const;

export const lossKinds = Object.keys(schemas) as readonly (keyof typeof schemas)[];

const s = schemas;
export const loss = z.discriminatedUnion(
  'kind',
  [
    s['cross-entropy'],
    s['soft-targets'],
    s.attention,
    s.logits,
    s.hints,
    s.fsp,
    s.darkrank,
    s.sobolev,
    s.lwf,
    s.one,
    s.rocket,
    s.custom,
  ],
  {
    error: (issue) => {
      const kind = (issue.input as { kind?: unknown } | undefined)?.kind;
      if (typeof kind !== 'string') return `a loss has a "kind", one of ${lossKinds.join(', ')}`;
      return `no loss "${kind}".${suggestion(kind, lossKinds)} Known: ${lossKinds.join(', ')}`;
    },
  },
);
export type LossRecipe = z.input<typeof loss>;
export type ParsedLoss = z.output<typeof loss>;

/** Losses that need no teacher. */
const alone: readonly ParsedLoss['kind'][] = ['cross-entropy', 'one', 'rocket', 'custom'];
export const needsTeacher = (l: ParsedLoss): boolean => !alone.includes(l.kind);
/** The name of the teacher that a loss listens to, when it says one. */
export const teacherNamed = (l: ParsedLoss): string | undefined => ('teacher' in l ? l.teacher : undefined);
