/** @file The schema of augmentations in recipes: a preset by its name, or each of them with its numbers. Without tf. */
import * as z from 'zod';
import { suggestion } from '../errors.ts';
import { type Augment, augmentPresetNames, augmentPresets, erasingModes } from '../learn/task/augment.ts';

function unknownPreset({ input }: { readonly input?: unknown }): string | undefined {
  if (typeof input !== 'string') return undefined;
  const near = suggestion(input, augmentPresetNames);
  return `no augmentation "${input}".${near} Known: ${augmentPresetNames.join(', ')}; or give an object`;
}

const share = z.number().min(0).max(1);
const shares = z.tuple([z.number().positive().max(1), z.number().positive().max(1)]);
const ratios = z.tuple([z.number().positive().max(100), z.number().positive().max(100)]);
const factor = z.number().min(0).max(10).optional();

const fields = z.strictObject(
  {
    shift: z.int().min(0).max(64).default(0),
    flip: z.boolean().default(false),
    resizedCrop: z.strictObject({ scale: shares.optional(), ratio: ratios.optional() }).optional(),
    colorJitter: z
      .strictObject({
        ...{ brightness: factor, contrast: factor, saturation: factor },
        hue: z.number().min(0).max(0.5).optional(),
      })
      .optional(),
    randAugment: z
      .strictObject({
        operations: z.int().min(1).max(14).optional(),
        magnitude: z.number().min(0).max(30).optional(),
        interpolation: z.enum(['nearest', 'bilinear']).optional(),
      })
      .optional(),
    erasing: z
      .strictObject({
        probability: share.optional(),
        mode: z.enum(erasingModes).optional(),
        area: shares.optional(),
        ratio: ratios.optional(),
        count: z.int().min(1).max(100).optional(),
      })
      .optional(),
    mix: z
      .strictObject({
        mixup: z.number().min(0).max(100).optional(),
        cutmix: z.number().min(0).max(100).optional(),
        probability: share.optional(),
        switchProbability: share.optional(),
      })
      .optional(),
  },
  { error: unknownPreset },
);

const presets = new Map<string, Augment>(Object.entries(augmentPresets));
/** `"strong"` for the fields of that preset. */
const named = (value: unknown): unknown =>
  typeof value === 'string' ? (presets.get(value) ?? value) : value;

/** The schema of the field `augment`. */
export const augment = z.preprocess(named, fields.optional());
