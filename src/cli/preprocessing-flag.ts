/** @file The option --preprocessing: how pictures become the input of a net, where its file does not say it or says it wrongly. */
import { existsSync } from 'node:fs';
import * as z from 'zod';
import { checkPreparation } from '../data/images/index.ts';
import { MoonletError, UsageError } from '../errors.ts';
import { readText } from '../files/index.ts';
import { type Graph, inputShape, issueText, unknownKey } from '../graph/index.ts';
import type { Preprocessing } from '../import/index.ts';

const given = z
  .strictObject({
    range: z.tuple([z.number(), z.number()]),
    mean: z.array(z.number()).min(1),
    std: z.array(z.number()).min(1),
    channels: z.enum(['rgb', 'bgr', 'gray']),
    interpolation: z.string(),
    crop: z.number(),
    cropMode: z.string(),
  })
  .partial();
/** Fields that are given; a field that is not is left out, as JSON has it. */
type Given = { [K in keyof z.output<typeof given>]?: NonNullable<z.output<typeof given>[K]> };

/**
 * What the card says with what the option says over it.
 * @throws UsageError for an option that is no preprocessing; MoonletError when neither says mean and deviation.
 */
export function preprocessingFrom(
  option: string,
  known: Preprocessing | undefined,
  graph: Graph,
): Preprocessing {
  const fail = (text: string): never => {
    throw new UsageError(`--preprocessing: ${text}`);
  };
  const text = !option.trimStart().startsWith('{') && existsSync(option) ? readText(option) : option;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return fail(`neither JSON nor a file; give something such as {"mean":[0,0,0],"std":[1,1,1]}`);
  }
  const parsed = given.safeParse(json, { error: unknownKey });
  if (!parsed.success) return fail(issueText(parsed.error));
  const [size = 0, , channels = 0] = inputShape(graph);
  const said: Given = JSON.parse(JSON.stringify(parsed.data));
  const { mean = known?.mean, std = known?.std } = said;
  if (!mean || !std) throw new MoonletError('--preprocessing: the file does not say mean and std; give both');
  for (const [name, values] of [['mean', mean] as const, ['std', std] as const])
    if (values.length !== channels)
      fail(`${name} has ${values.length} numbers, and the net has ${channels} channels; give one for each`);
  const usual = {
    range: [0, 1],
    channels: channels === 1 ? 'gray' : 'rgb',
    interpolation: 'bilinear',
  } as const;
  const done: Preprocessing = {
    ...{ ...usual, crop: 0.875, ...known, ...said, mean, std, size },
    from: 'the option --preprocessing of the import',
  };
  checkPreparation(done);
  return done;
}
