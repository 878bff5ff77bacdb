/** @file The flags of `fit` and `distill` for augmentations: a preset, and single ones over it or over the recipe's. */
import type { Command } from 'commander';
import { suggestion, UsageError } from '../errors.ts';
import { type Augment, augmentPresetNames, augmentPresets, erasingModes } from '../learn/task/augment.ts';
import { fraction, kebab, numberFlag, type Range, wholeFlag } from './numbers.ts';

export interface AugmentFlags {
  readonly augment?: string;
  readonly flip?: boolean;
  readonly cropScale?: string;
  readonly colorJitter?: string;
  readonly randAugment?: string;
  readonly erase?: string;
  readonly eraseMode?: string;
  readonly mixup?: string;
  readonly cutmix?: string;
}
export const augmentFlagNames: readonly (keyof AugmentFlags)[] = [
  ...(['augment', 'flip', 'cropScale', 'colorJitter', 'randAugment'] as const),
  ...(['erase', 'eraseMode', 'mixup', 'cutmix'] as const),
];

/** The command with the flags. */
export const augmentOptions = (command: Command): Command =>
  command
    .option(
      '--augment <preset>',
      `vary the training images: ${augmentPresetNames.join(', ')}; the flags from --flip to --cutmix change it (default: that of the recipe, else none)`,
    )
    .option('--flip', 'mirror half of the images')
    .option('--no-flip', 'mirror none, such as those of letters')
    .option(
      '--crop-scale <share>',
      'take a random part of each image, of at least this share of its area, such as 0.08; 0 for none',
    )
    .option(
      '--color-jitter <x>',
      'change brightness, contrast and saturation by up to this share; 0 for none',
    )
    .option('--rand-augment <m>', 'RandAugment: two operations of this magnitude, 1 to 30; 0 for none')
    .option('--erase <share>', 'random erasing in this share of the images; 0 for none')
    .option('--erase-mode <mode>', `what takes the place: ${erasingModes.join(', ')} (default: pixel)`)
    .option('--mixup <alpha>', 'mixup with a share of Beta(alpha, alpha); 0 for none')
    .option('--cutmix <alpha>', 'CutMix with an area of Beta(alpha, alpha); 0 for none')
    .option('--label-smoothing <share>', 'spread this share of each label over all classes (default: 0)');

/** A number of a flag; undefined where it is not given. */
const given = (flags: AugmentFlags, name: Exclude<keyof AugmentFlags, 'flip'>, range: Range) =>
  flags[name] === undefined ? undefined : numberFlag(kebab(name), flags[name], range);

/**
 * The field `augment` of a recipe with what the flags say put over it; nothing when no flag is given.
 * @throws UsageError that names the flag.
 */
export function augmentBy(flags: AugmentFlags, own: unknown): { readonly augment?: unknown } {
  if (augmentFlagNames.every((name) => flags[name] === undefined)) return {};
  const base = baseOf(flags, own);
  const crop = given(flags, 'cropScale', fraction);
  const jitter = given(flags, 'colorJitter', { min: 0, max: 10 });
  const magnitude =
    flags.randAugment === undefined
      ? undefined
      : wholeFlag('rand-augment', flags.randAugment, { min: 0, max: 30 });
  const mixup = given(flags, 'mixup', { min: 0, max: 100 }) ?? base.mix?.mixup ?? 0;
  const cutmix = given(flags, 'cutmix', { min: 0, max: 100 }) ?? base.mix?.cutmix ?? 0;
  return {
    augment: defined({
      ...base,
      flip: flags.flip ?? base.flip,
      resizedCrop: over(base.resizedCrop, crop, (least) => ({ scale: [least, 1] })),
      colorJitter: over(base.colorJitter, jitter, (x) => ({ brightness: x, contrast: x, saturation: x })),
      randAugment: over(base.randAugment, magnitude, (m) => ({ magnitude: m })),
      erasing: erasingBy(flags, base),
      mix: mixup || cutmix ? { ...base.mix, mixup, cutmix } : undefined,
    }),
  };
}

/** The preset of `--augment`, or what the recipe says. */
function baseOf({ augment }: AugmentFlags, own: unknown): Augment {
  const presets = new Map<string, Augment>(Object.entries(augmentPresets));
  if (augment === undefined) {
    if (typeof own === 'string') return presets.get(own) ?? {};
    return typeof own === 'object' && own !== null ? own : {};
  }
  const preset = presets.get(augment);
  if (preset) return preset;
  throw new UsageError(
    `--augment: no preset "${augment}".${suggestion(augment, augmentPresetNames)} Known: ${augmentPresetNames.join(', ')}`,
  );
}

function erasingBy(flags: AugmentFlags, { erasing }: Augment): unknown {
  const { eraseMode: mode } = flags;
  if (mode !== undefined && !erasingModes.some((known) => known === mode))
    throw new UsageError(`--erase-mode must be ${erasingModes.join(', ')}, got "${mode}"`);
  const kept = over(erasing, given(flags, 'erase', fraction), (probability) => ({ probability }));
  if (mode === undefined) return kept;
  if (!kept) throw new UsageError('--erase-mode: nothing is erased; give --erase too, such as --erase 0.25');
  return { ...kept, mode };
}

/** What a number makes of a part; 0 leaves the part out, and undefined leaves it as it is. */
function over<T extends object>(
  part: T | undefined,
  value: number | undefined,
  make: (value: number) => object,
): object | undefined {
  if (value === undefined) return part;
  return value === 0 ? undefined : { ...part, ...make(value) };
}
const defined = (all: object): object =>
  Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
