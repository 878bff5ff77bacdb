/** @file Preprocessing, from an image to a net's input: data on the card of the imported net, never hidden in code. */
import type { Graph } from '../graph/index.ts';
import type { Told } from './file.ts';
import { archOf, type Source } from './names/index.ts';
import type { Affine, Pixels } from './pixels.ts';
import type { TimmFields } from './timm-config.ts';
import { timmDefaultOf } from './timm-names.ts';

/** x = (value - mean) / std, for pixel values that were scaled to `range` first. */
export interface Preprocessing {
  /** The range to which pixels of 0 to 255 are scaled. */
  readonly range: readonly [number, number];
  /** One value a channel, in the order of `channels`. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly channels: 'rgb' | 'bgr' | 'gray' | 'any';
  /** Height and width of the input. */
  readonly size: number;
  readonly interpolation: string;
  /** Share of the resized image that the crop in its middle takes. */
  readonly crop: number;
  /** How timm crops, where its config.json says it: 'center', 'squash', 'border'. */
  readonly cropMode?: string;
  /** Channels, height and width that the weights were trained at, where the file says it. */
  readonly inputSize?: readonly number[];
  /** What timm recommends for testing, where that differs: an input size, and the share that the crop takes. */
  readonly test?: { readonly inputSize?: readonly number[]; readonly crop?: number };
  /** What else config.json says of the weights, as it stands there. */
  readonly more?: Readonly<Record<string, unknown>>;
  /** Where this is from, since a file of weights alone does not say it. */
  readonly from: string;
}
type Usual = Omit<Preprocessing, 'size' | 'from'>;

const imagenet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const half = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };
/** (value - 127) / 128 for pixels of 0 to 255. */
const lite = { mean: [127 / 255, 127 / 255, 127 / 255], std: [128 / 255, 128 / 255, 128 / 255] };
const rgb = { range: [0, 1], channels: 'rgb' } as const;
/** preprocess_input of keras.applications; the efficientnets, mobilenet-v3 and convnext have theirs in the model itself. */
const keras = (arch: string): Usual => {
  const usual = { channels: 'rgb', interpolation: 'bilinear', crop: 0.875 } as const;
  if (arch === 'densenet-121' || arch === 'convnext' || /^efficientnet-b\d$/.test(arch))
    return { ...usual, range: [0, 1], ...imagenet };
  if (arch === 'resnet-50')
    return { ...usual, channels: 'bgr', range: [0, 255], mean: [103.939, 116.779, 123.68], std: [1, 1, 1] };
  return { ...usual, range: [0, 1], ...half };
};

/** What the library does before this architecture by default; nothing for files of our own. `path` may name the model. */
export function usualPreprocessing(
  graph: Graph,
  source: Source,
  size: number,
  path = '',
): Preprocessing | undefined {
  const arch = archOf(graph);
  switch (source) {
    case 'moonlet':
      return undefined;
    case 'torchvision':
      return {
        ...{ ...rgb, ...imagenet, interpolation: 'bilinear', crop: 0.875, size },
        from: "the transforms of torchvision's weights IMAGENET1K_V1; others may differ",
      };
    case 'pytorchcv':
      return {
        ...{ ...rgb, ...imagenet, interpolation: 'bilinear', crop: 0.875, size },
        from: "pytorchcv's transforms of ImageNet; the weights' own may differ",
      };
    case 'mcunet':
      return {
        ...{ ...rgb, ...half, interpolation: 'bilinear', crop: 0.875, size },
        from: 'eval_imagenet.py of the authors of MCUNet, whose weights these are; other weights may differ',
      };
    case 'keras':
      return {
        ...keras(arch),
        size,
        from: 'preprocess_input of keras.applications; the file does not specify it, and the model may have been trained with other preprocessing',
      };
    case 'timm':
    case 'timm-tf': {
      const { name, values } = timmDefaultOf(graph, source === 'timm-tf', path);
      const [crop, interpolation, channels, , cropMode] = values;
      const [mean, std] = [channels.map(([m]) => m), channels.map(([, s]) => s)];
      const others = name.includes('.') ? '' : '; the configuration of these weights may differ';
      return {
        ...rgb,
        mean,
        std,
        interpolation,
        crop,
        ...(cropMode === undefined ? {} : { cropMode }),
        size,
        from: `timm's configuration of ${name}${others}`,
      };
    }
    case 'efficientnet-pytorch':
      return {
        ...rgb,
        ...(arch.startsWith('efficientnet-lite') ? lite : imagenet),
        interpolation: 'bicubic',
        crop: Math.round((1000 * size) / (size + 32)) / 1000,
        size,
        from: "preprocessing.py of TensorFlow's EfficientNets, whose weights these are; other weights may differ",
      };
  }
}

export interface Settled {
  /** Undefined where it is not known for certain. */
  readonly preprocessing?: Preprocessing;
  /** Why not, or what was left out. */
  readonly notes: readonly string[];
}

/** The library's defaults, and in their place what the file (`told`) or timm's config.json beside it says. */
export function preprocessingOf(
  graph: Graph,
  usual: Preprocessing | undefined,
  told: Told,
  timm?: TimmFields,
): Settled {
  if (!usual) return { notes: [] };
  const pixels = pixelsOfFile(graph, told);
  if (pixels.unread !== undefined)
    return { notes: [`${nothing}: the file's ${pixels.unread} is not supported`] };
  const said = timm ? ofTimm(usual, timm) : pixels.affine ? ofPixels(usual, pixels.affine) : usual;
  const input = graph.nodes.flatMap(({ op }) => (op.kind === 'input' ? [op.shape] : []))[0];
  return fitting(said, input?.at(-1) ?? 0);
}
const nothing = 'the card has no preprocessing';

/**
 * What the model itself does. Weights alone do not say what stands around their normalization: in Keras's EfficientNet
 * pixels are divided by 255 before it, and behind it, for the weights of ImageNet, by the root of the variance.
 */
function pixelsOfFile(graph: Graph, { pixels, normalization }: Told): Pixels {
  if (pixels) return pixels;
  if (!normalization) return {};
  if (!/^efficientnet-b\d$/.test(archOf(graph)))
    return { unread: 'normalization, whose position is not in a file with weights only,' };
  const { mean, variance } = normalization;
  const twice = imagenet.std.every((std, i) => Math.abs((variance[i] ?? 0) - std) < 1e-4);
  const std = variance.map((v) => Math.max(twice ? v : Math.sqrt(v), 1e-7));
  const scale = std.map((s) => 1 / (255 * s));
  return { affine: { scale, offset: std.map((s, i) => -(mean[i] ?? 0) / s) } };
}

/** x = scale v + offset, as of values that were scaled to 0 to 1 first. */
function ofPixels(usual: Preprocessing, { scale, offset }: Affine): Preprocessing {
  const digits = (v: number): number => Number(v.toPrecision(7)) + 0; // float32 has no more; + 0 makes -0 zero
  return {
    ...usual,
    range: [0, 1],
    channels: 'rgb',
    mean: scale.map((s, i) => digits(-(offset[i] ?? 0) / (255 * s))),
    std: scale.map((s) => digits(1 / (255 * s))),
    from: 'the file: layers of the model that scale pixels, which the net does not contain',
  };
}

function ofTimm(usual: Preprocessing, fields: TimmFields): Preprocessing {
  const {
    mean,
    std,
    interpolation,
    crop_pct,
    crop_mode,
    input_size,
    test_input_size,
    test_crop_pct,
    ...more
  } = fields;
  const test = {
    ...(test_input_size ? { inputSize: test_input_size } : {}),
    ...(test_crop_pct ? { crop: test_crop_pct } : {}),
  };
  return {
    ...usual,
    ...(mean ? { mean } : {}),
    ...(std ? { std } : {}),
    ...(interpolation === undefined ? {} : { interpolation }),
    ...(crop_pct === undefined ? {} : { crop: crop_pct }),
    ...(crop_mode === undefined ? {} : { cropMode: crop_mode }),
    ...(input_size ? { inputSize: input_size } : {}),
    ...(Object.keys(test).length ? { test } : {}),
    ...(Object.keys(more).length ? { more } : {}),
    from: 'config.json in the folder of the file',
  };
}

/** One value stands for all channels, as in timm; other numbers that are not the net's are of other images. */
function fitting(told: Preprocessing, channels: number): Settled {
  const { mean, std } = told;
  const spread = (values: readonly number[]): readonly number[] | undefined => {
    if (values.length === channels) return values;
    const [first] = values;
    return first !== undefined && values.every((v) => v === first) ? Array(channels).fill(first) : undefined;
  };
  const [means, deviations] = [spread(mean), spread(std)];
  if (!means || !deviations)
    return {
      notes: [
        `${nothing}: ${told.from.split(';')[0]} has ${mean.length} means, but the net has ${channels} ${channels === 1 ? 'channel' : 'channels'}`,
      ],
    };
  const order = channels === 3 ? told.channels : channels === 1 ? 'gray' : 'any';
  return { preprocessing: { ...told, mean: means, std: deviations, channels: order }, notes: [] };
}
