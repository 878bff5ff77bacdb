/** @file The flags of `moonlet fit` and `moonlet distill` that say how a net is fine-tuned, and what they put in a recipe. */
import type { Command } from 'commander';
import { UsageError } from '../errors.ts';
import { fraction, numberFlag, stepCount, wholeFlag } from './numbers.ts';

export interface TuneFlags {
  readonly freeze?: string;
  readonly layerDecay?: string;
  readonly rates?: string;
  readonly ema?: string;
  readonly emaWarmup?: boolean;
  readonly validation?: string;
  readonly evaluateEvery?: string;
  readonly patience?: string;
  readonly keep?: string;
  readonly classes?: string;
  readonly channels?: string;
  readonly size?: string;
}

export const withTuneFlags = (command: Command): Command =>
  command
    .option(
      '--freeze <paths>',
      "parts that are not trained, such as 'stem,stage1..stage3', or paths; their norms keep their statistics (default: none)",
    )
    .option(
      '--layer-decay <x>',
      'train each stage at x times the learning rate of the one above it, the head at the full rate (default: all at one rate)',
    )
    .option(
      '--rates <paths>',
      "shares of the learning rate, such as 'stem=0.1,stage1..stage2=0.5' (default: 1 for all)",
    )
    .option(
      '--ema <decay>',
      'keep a moving average of the weights, such as 0.999; it is what is evaluated and saved (default: none)',
    )
    .option('--ema-warmup', 'begin the average with smaller decays, for short runs')
    .option(
      '--validation <n>',
      'training images that are held out to evaluate on (default: that of the recipe, else none)',
    )
    .option('--evaluate-every <n>', 'steps between evaluations (default: a tenth of the run)')
    .option(
      '--patience <n>',
      'end the run after so many evaluations without a better one; needs --validation (default: never)',
    )
    .option(
      '--keep <which>',
      'the weights that are saved: last or best; best needs --validation (default: last)',
    )
    .option(
      '--classes <whose>',
      'from-folder (or from-data): a new head for the classes of the data; from-net: keep the head (default: a new head for a trained net of other classes)',
    )
    .option(
      '--channels <n>',
      'channels of the input; the first kernels follow (default: those of the net, or of images that are no files)',
    )
    .option(
      '--size <n>',
      'height and width of the input (default: those of the net, or of the images where they have one smaller size)',
    );

/** The fields of a recipe that the flags give. @throws UsageError for a flag that is out of range. */
export function tunedBy(flags: TuneFlags): Readonly<Record<string, unknown>> {
  const over = {
    freeze: flags.freeze === undefined ? undefined : pathsOf('freeze', flags.freeze),
    layerDecay: numberOf('layer-decay', flags.layerDecay, { min: 0, above: true, max: 1 }),
    rates: flags.rates === undefined ? undefined : ratesOf(flags.rates),
    ema: emaOf(flags),
    validation: wholeOf('validation', flags.validation, { min: 0 }),
    evaluateEvery: wholeOf('evaluate-every', flags.evaluateEvery, stepCount),
    patience: wholeOf('patience', flags.patience, stepCount),
    keep: choiceOf('keep', flags.keep, ['last', 'best']),
    classes: classesOf(flags.classes),
    channels: wholeOf('channels', flags.channels, { min: 1, max: 4096 }),
    size: wholeOf('size', flags.size, { min: 1, max: 4096 }),
  };
  return Object.fromEntries(Object.entries(over).filter(([, value]) => value !== undefined));
}

/** @throws UsageError for the first of these flags that is given, since `of` has no use for it. */
export function refuseTuning(flags: TuneFlags, of: string): void {
  const given = Object.entries({
    freeze: flags.freeze,
    'layer-decay': flags.layerDecay,
    rates: flags.rates,
    ema: flags.ema,
    'ema-warmup': flags.emaWarmup,
    validation: flags.validation,
    'evaluate-every': flags.evaluateEvery,
    patience: flags.patience,
    keep: flags.keep,
    classes: flags.classes,
    channels: flags.channels,
    size: flags.size,
  }).find(([, value]) => value !== undefined);
  if (given) throw new UsageError(`--${given[0]}: ${of} do not have it; remove the flag`);
}

const numberOf = (name: string, text: string | undefined, range: Parameters<typeof numberFlag>[2]) =>
  text === undefined ? undefined : numberFlag(name, text, range);
const wholeOf = (name: string, text: string | undefined, range: Parameters<typeof wholeFlag>[2]) =>
  text === undefined ? undefined : wholeFlag(name, text, range);

/** A flag that is one of several words. @throws UsageError for another. */
export function choiceOf(
  name: string,
  value: string | undefined,
  choices: readonly string[],
): string | undefined {
  if (value === undefined || choices.includes(value)) return value;
  throw new UsageError(
    `--${name} must be ${[choices.slice(0, -1).join(', '), choices.at(-1)].join(' or ')}, got "${value}"`,
  );
}

function classesOf(text: string | undefined): string | undefined {
  const whose = choiceOf('classes', text, ['from-folder', 'from-data', 'from-net']);
  return whose === 'from-folder' ? 'from-data' : whose;
}

function pathsOf(name: string, text: string): readonly string[] {
  const paths = text.split(',').map((path) => path.trim());
  if (paths.some((path) => !path))
    throw new UsageError(
      `--${name}: give paths with commas between them, such as 'stem,stage1..stage2', got "${text}"`,
    );
  return paths;
}

function ratesOf(text: string): readonly { readonly paths: readonly string[]; readonly scale: number }[] {
  return pathsOf('rates', text).map((part) => {
    const [path = '', scale, ...more] = part.split('=').map((word) => word.trim());
    if (!path || scale === undefined || more.length)
      throw new UsageError(`--rates: each part is PATH=SHARE, such as stem=0.1, got "${part}"`);
    return { paths: [path], scale: numberFlag('rates', scale, { min: 0, above: true, max: 1e6 }) };
  });
}

function emaOf({ ema, emaWarmup }: TuneFlags): unknown {
  if (ema === undefined) {
    if (emaWarmup) throw new UsageError('--ema-warmup needs --ema <decay>, such as --ema 0.999');
    return undefined;
  }
  const decay = numberFlag('ema', ema, fraction);
  if (decay === 1) throw new UsageError('--ema must be below 1, which would keep the first weights, got "1"');
  return { decay, warmup: emaWarmup ?? false };
}
