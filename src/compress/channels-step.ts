/** @file The step that takes channels away, and what follows it: least squares for the layers that lost inputs. */

import { type Dataset, type Split, take } from '../data/index.ts';
import { pruneChannels } from '../edit/index.ts';
import { reconstruct } from '../learn/structure/index.ts';
import { passes } from '../learn/task/index.ts';
import { cost } from '../read/index.ts';
import type { Net } from '../weights/index.ts';
import type { CompressOptions } from './options.ts';
import type { CompressStep } from './steps.ts';

export interface Where {
  readonly only?: readonly string[];
  readonly except?: readonly string[];
}
export type ChannelsStep = Extract<CompressStep, { step: 'channels' }>;

/** The net without channels, its layers fitted where that is asked for, and the step with the rounding that was chosen. */
export async function withoutChannels(
  net: Net,
  step: ChannelsStep,
  where: Where,
  train: Split | undefined,
  o: CompressOptions,
): Promise<{ readonly net: Net; readonly step: ChannelsStep }> {
  const { by, scope, roundTo, reconstruct: examples } = step;
  const total = cost(net.graph);
  const target =
    step.ratio !== undefined
      ? { ratio: step.ratio }
      : step.macs !== undefined
        ? { macs: Math.floor(step.macs * total.macs) }
        : { params: Math.floor((step.params as number) * total.params) };
  const pruned = pruneChannels(net, target, {
    ...{ by, scope, ...where },
    ...(roundTo === undefined ? {} : { roundTo }),
  });
  const { reconstruct: _, ...rest } = step;
  const chosen = {
    ...rest,
    roundTo: pruned.roundTo,
    ...(examples === undefined ? {} : { reconstruct: examples }),
  };
  if (examples === undefined) return { net: pruned.net, step: chosen };
  const { data, seed = 0, engine, onReconstruct } = o;
  const split = take(train as Split, Math.min(examples, (train as Split).count), seed);
  const parts = [...passes(split, data as Dataset, 32)].map((b) => b.x);
  const x = new Float32Array(parts.reduce((n, p) => n + p.length, 0));
  let filled = 0;
  for (const part of parts) {
    x.set(part, filled);
    filled += part.length;
  }
  const fitted = await reconstruct(net, pruned, x, {
    seed,
    ...(engine ? { engine } : {}),
    ...(onReconstruct ? { onProgress: onReconstruct } : {}),
  });
  return { net: fitted, step: chosen };
}
