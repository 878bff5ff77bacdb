/** @file Losses by name, for recipes: what each may be told, and how it is made. A new loss is one entry. */
import * as tf from '@tensorflow/tfjs-core';
import * as z from 'zod';
import { MoonletError, suggestion } from '../errors.ts';
import type { Graph } from '../graph/index.ts';
import { attention } from '../learn/distill/attention.ts';
import { darkRank } from '../learn/distill/darkrank.ts';
import { fsp } from '../learn/distill/fsp.ts';
import { hints } from '../learn/distill/hints.ts';
import { logits } from '../learn/distill/logits.ts';
import { lwf } from '../learn/distill/lwf.ts';
import { one } from '../learn/distill/one.ts';
import { rocket } from '../learn/distill/rocket.ts';
import { sobolev } from '../learn/distill/sobolev.ts';
import { softTargets } from '../learn/distill/soft-targets.ts';
import { crossEntropy } from '../learn/loss/cross-entropy.ts';
import { type Loss, type LossMaker, type Nets, taughtBy } from '../learn/loss/loss.ts';
import { changing, ramp } from './ramp.ts';

/** What making a loss may need beside its own fields. */
export interface LossContext {
  /** Steps of the run, over which ramps stretch. */
  readonly steps: number;
  /** An architecture's graph by its words, for a booster. */
  readonly compose?: (words: string) => Graph;
  /** A loss that stands in a file of the user. It is handed tf, so that it need not find it. */
  readonly custom?: (module: string, name: string) => CustomLoss;
}

export type CustomLoss = (nets: Nets, t: typeof tf) => Loss;

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

/** @throws MoonletError for a booster or a file that is not there. */
export function lossOf(l: ParsedLoss, at: LossContext): LossMaker {
  const name = teacherNamed(l);
  const made = made1(l, at);
  return name === undefined ? made : taughtBy(name, made);
}

function made1(l: ParsedLoss, at: LossContext): LossMaker {
  const number = (value: z.output<typeof changing>) => ramp(value, at.steps);
  const given = <K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> =>
    value === undefined ? {} : ({ [key]: value } as Record<K, V>);
  const weight = number(l.weight ?? 1);
  switch (l.kind) {
    case 'cross-entropy':
      return crossEntropy({ weight, labelSmoothing: l.labelSmoothing });
    case 'soft-targets':
      return softTargets({ weight, temperature: number(l.temperature) });
    case 'attention':
      return attention({ weight, ...given('pairs', l.pairs) });
    case 'logits':
      return logits({ weight });
    case 'hints':
      return hints({ weight, adapt: l.adapt, ...given('pairs', l.pairs) });
    case 'fsp':
      return fsp({ weight, adapt: l.adapt, ...given('points', l.points) });
    case 'darkrank':
      return darkRank({
        ...{ weight, form: l.form, alpha: l.alpha, beta: l.beta, list: l.list },
        ...given('embeddings', l.embeddings),
      });
    case 'sobolev':
      return sobolev({ weight, projections: l.projections });
    case 'lwf':
      return lwf({ weight, temperature: number(l.temperature), ...given('old', l.old) });
    case 'one':
      return one({
        ...{ weight, branches: l.branches, temperature: number(l.temperature), ramp: number(l.ramp) },
        ...given('from', l.from),
      });
    case 'rocket': {
      if (!at.compose)
        throw new MoonletError('rocket: a booster by name needs architectures; pass "compose"');
      return rocket({ weight, booster: at.compose(l.booster), share: l.share, lambda: number(l.lambda) });
    }
    case 'custom': {
      if (!at.custom) throw new MoonletError('custom: a loss of a file needs "custom", which loads it');
      const make = at.custom(l.module, l.export);
      return (nets) => ({ ...make(nets, tf), ...(l.weight === undefined ? {} : { weight }) });
    }
  }
}
