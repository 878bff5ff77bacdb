/** @file How an image becomes a net's input: data on the imported net's card, never hidden in code. */
import * as z from 'zod';
import { MoonletError } from '../errors.ts';
import type { Graph } from '../graph/index.ts';
import { archOf, type Source } from './names/index.ts';

/** x = (value - mean) / std, for pixel values that were scaled to `range` first. */
export interface Preprocessing {
  /** What pixels of 0 to 255 are scaled to. */
  readonly range: readonly [number, number];
  /** One value a channel, in the order of `channels`. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly channels: 'rgb' | 'bgr';
  /** Height and width of the input. */
  readonly size: number;
  readonly interpolation: string;
  /** Share of the resized image that the crop in its middle takes. */
  readonly crop: number;
  /** Where this is from, since a file of weights alone does not say it. */
  readonly from: string;
}
type Usual = Omit<Preprocessing, 'size' | 'from'>;

const imagenet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const half = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };
/** (value - 127) / 128 for pixels of 0 to 255. */
const lite = { mean: [127 / 255, 127 / 255, 127 / 255], std: [128 / 255, 128 / 255, 128 / 255] };
const rgb = { range: [0, 1], channels: 'rgb' } as const;
/** timm's default configuration of each of these models (1.0.31). */
const timm = (arch: string): Usual => {
  const usual = { ...rgb, ...imagenet, interpolation: 'bicubic', crop: 0.875 };
  if (arch === 'mobilenet-v1') return { ...usual, ...half };
  if (arch === 'xception') return { ...usual, ...half, crop: 0.8975 };
  if (arch.startsWith('resnet') || arch.startsWith('resnext')) return { ...usual, crop: 0.95 };
  if (arch === 'fasternet-t0') return { ...usual, crop: 1 };
  if (arch === 'regnet-y-400mf') return { ...usual, crop: 0.965 };
  if (arch === 'efficientnet-lite1') return { ...usual, crop: 0.882 };
  if (arch === 'mobileone-s1') return { ...usual, interpolation: 'bilinear', crop: 0.9 };
  if (arch.startsWith('repvgg') || arch.startsWith('mobileone'))
    return { ...usual, interpolation: 'bilinear' };
  return usual;
};
/** preprocess_input of keras.applications; the efficientnets and mobilenet-v3 have theirs in the model itself. */
const keras = (arch: string): Usual => {
  const usual = { channels: 'rgb', interpolation: 'bilinear', crop: 0.875 } as const;
  if (arch === 'densenet-121' || arch === 'efficientnet-b0') return { ...usual, range: [0, 1], ...imagenet };
  if (arch === 'resnet-50')
    return { ...usual, channels: 'bgr', range: [0, 255], mean: [103.939, 116.779, 123.68], std: [1, 1, 1] };
  return { ...usual, range: [0, 1], ...half };
};

/** What the library does before this architecture unless told; nothing for files of our own. */
export function usualPreprocessing(graph: Graph, source: Source, size: number): Preprocessing | undefined {
  const arch = archOf(graph);
  const channels = (usual: Usual, from: string): Preprocessing => ({ ...usual, size, from });
  switch (source) {
    case 'moonlet':
      return undefined;
    case 'torchvision':
      return channels(
        { ...rgb, ...imagenet, interpolation: 'bilinear', crop: 0.875 },
        "the transforms of torchvision's weights IMAGENET1K_V1; others may differ",
      );
    case 'keras':
      return channels(keras(arch), 'preprocess_input of keras.applications');
    case 'timm':
      return channels(timm(arch), "timm's default configuration; one of the weights' own may differ");
    case 'efficientnet-pytorch':
      return channels(
        {
          ...rgb,
          ...(arch.startsWith('efficientnet-lite') ? lite : imagenet),
          interpolation: 'bicubic',
          crop: Math.round((1000 * size) / (size + 32)) / 1000,
        },
        "preprocessing.py of TensorFlow's EfficientNets, whose weights these are; other weights may differ",
      );
    case 'timm-tf':
      return channels(
        {
          ...timm(arch),
          ...(arch.startsWith('efficientnet-b') ? {} : half),
          ...(arch.startsWith('mobilenet-v3') ? { interpolation: 'bilinear' } : {}),
        },
        "timm's default configuration of its tf_ models",
      );
  }
}

const config = z.object({
  architecture: z.string().optional(),
  num_classes: z.int().optional(),
  pretrained_cfg: z
    .object({
      mean: z.array(z.number()).optional(),
      std: z.array(z.number()).optional(),
      interpolation: z.string().optional(),
      crop_pct: z.number().optional(),
    })
    .optional(),
});
export interface TimmConfig {
  readonly architecture?: string | undefined;
  readonly preprocessing?: Partial<Usual>;
}

/** The config.json that timm keeps beside a model on a hub. @throws MoonletError when it is damaged. */
export function readTimmConfig(json: string, name: string): TimmConfig {
  let parsed: ReturnType<typeof config.safeParse>;
  try {
    parsed = config.safeParse(JSON.parse(json));
  } catch {
    throw new MoonletError(`${name}: not JSON; move it away to import without it`);
  }
  if (!parsed.success) return {};
  const { architecture, pretrained_cfg: cfg } = parsed.data;
  if (!cfg) return { architecture };
  return {
    architecture,
    preprocessing: {
      ...(cfg.mean ? { mean: cfg.mean } : {}),
      ...(cfg.std ? { std: cfg.std } : {}),
      ...(cfg.interpolation ? { interpolation: cfg.interpolation } : {}),
      ...(cfg.crop_pct ? { crop: cfg.crop_pct } : {}),
    },
  };
}
