/** @file Losses of recipes, made: a case for each schema of `loss-schemas.ts`. */
import * as tf from '@tensorflow/tfjs-core';
import type * as z from 'zod';
import { MoonletError } from '../errors.ts';
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
import { type ParsedLoss, teacherNamed } from './loss-schemas.ts';
import { type changing, ramp } from './ramp.ts';

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
