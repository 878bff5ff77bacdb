/** @file The sampler that a space names. */
import { match } from 'ts-pattern';
import type { Space } from '../space.ts';
import { evolution } from './evolution.ts';
import { grid } from './grid.ts';
import { randomSearch } from './random.ts';
import type { Sampler } from './sampler.ts';
import { tpe } from './tpe.ts';

export type { Draft, Observed, Sampler } from './sampler.ts';

export const samplerOf = ({ space, seed, sampler }: Pick<Space, 'space' | 'seed' | 'sampler'>): Sampler =>
  match(sampler)
    .returnType<Sampler>()
    .with({ kind: 'grid' }, ({ levels }) => grid(space, levels))
    .with({ kind: 'random' }, () => randomSearch(space, seed))
    .with({ kind: 'tpe' }, (o) => tpe(space, seed, o))
    .with({ kind: 'evolution' }, (o) => evolution(space, seed, o))
    .exhaustive();
