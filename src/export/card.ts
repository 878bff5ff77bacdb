/** @file What goes along with a net into the files of others: labels, preprocessing, licence, where it is from. */
import * as z from 'zod';
import { MoonletError } from '../errors.ts';
import { classesOf, type Graph, issueText } from '../graph/index.ts';
import type { OnnxModel } from '../onnx/index.ts';
import type { TensorNames } from '../read/tensor-names.ts';
import { version } from './version.ts';

/** How an image becomes the input of a net: x = (value - mean) / std, for pixels that were scaled to `range` first. */
export interface ExportPreprocessing {
  /** One number for all channels, or one a channel. */
  readonly mean: number | readonly number[];
  readonly std: number | readonly number[];
  /** The range to which pixels of 0 to 255 are scaled; [0, 1] by default. */
  readonly range?: readonly [number, number];
  /** The order of channels; `rgb` by default for three. */
  readonly channels?: 'rgb' | 'bgr' | 'gray' | 'any';
  /** Height and width of the input, or [height, width, channels]; those of the graph by default. */
  readonly size?: number | readonly [number, number, number];
  /** `bicubic`, `bilinear`, `nearest`, `lanczos`, as in Pillow. */
  readonly interpolation?: string;
  /** The share of the resized image that the crop in its middle takes. */
  readonly crop?: number;
  /** How the crop is made, in timm's words: `center`, `squash` or `border`. */
  readonly cropMode?: string;
}

/** What an exported file says of the net in it. */
export interface ExportCard {
  /** The name of each class, in the order of the outputs. */
  readonly labels?: readonly string[];
  readonly preprocessing?: ExportPreprocessing;
  readonly license?: string;
  /** Where the net is from, in a few words. */
  readonly source?: string;
}

const numbers = z.union([z.number(), z.array(z.number()).min(1)]);
const preprocessing = z.looseObject({
  mean: numbers,
  std: numbers,
  range: z.tuple([z.number(), z.number()]).optional(),
  channels: z.enum(['rgb', 'bgr', 'gray', 'any']).optional(),
  size: z.union([z.int(), z.tuple([z.int(), z.int(), z.int()])]).optional(),
  interpolation: z.string().optional(),
  crop: z.number().positive().optional(),
  cropMode: z.string().optional(),
});
const schema = z.looseObject({
  id: z.string().optional(),
  labels: z.array(z.string()).optional(),
  tensors: z.record(z.string(), z.tuple([z.string(), z.string()])).optional(),
  preprocessing: preprocessing.nullish(),
  license: z.string().optional(),
  source: z.string().optional(),
  /** Without `source` where the file is of no library, such as .onnx. */
  imported: z
    .looseObject({ file: z.string(), source: z.string().optional(), sha256: z.string().optional() })
    .optional(),
});

/** The names of weights that a card.json has; see `tensorNames`. */
export function readTensorNames(json: string): TensorNames {
  const read = schema.safeParse(JSON.parse(json));
  return (read.success && read.data.tensors) || {};
}

/** Only the fields of the card that are known, without those that are undefined. */
function known({ preprocessing: p, labels, license, source }: z.output<typeof schema>): ExportCard {
  const { mean, std, range, channels, size, interpolation, crop, cropMode } = p ?? {};
  return {
    ...(labels ? { labels } : {}),
    ...(mean === undefined || std === undefined
      ? {}
      : {
          preprocessing: {
            ...{ mean, std },
            ...(range ? { range } : {}),
            ...(channels ? { channels } : {}),
            ...(size === undefined ? {} : { size }),
            ...(interpolation === undefined ? {} : { interpolation }),
            ...(crop === undefined ? {} : { crop }),
            ...(cropMode === undefined ? {} : { cropMode }),
          },
        }),
    ...(license === undefined ? {} : { license }),
    ...(source === undefined ? {} : { source }),
  };
}

/**
 * The card of a net as its folder has it: the text of card.json, of a shipped student, an import or a run.
 *
 * @param name the name of the file, for error messages.
 * @throws MoonletError when it is not JSON, or a field that exports carry is of another kind.
 * @example
 * import { readExportCard } from 'moonlet/export';
 *
 * readExportCard('{"labels":["cat","dog"],"params":12}', 'card.json').labels; // ["cat","dog"]
 */
export function readExportCard(json: string, name: string): ExportCard {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    throw new MoonletError(`${name}: not JSON; mend it, or move it away to export without it`);
  }
  const read = schema.safeParse(parsed);
  if (!read.success)
    throw new MoonletError(
      `${name}: ${issueText(read.error)}; mend it, or move it away to export without it`,
    );
  const { id, imported, source = id ?? (imported && origin(imported)) } = read.data;
  return known({ ...read.data, source });
}

const origin = ({ file, source, sha256 }: NonNullable<z.output<typeof schema>['imported']>): string =>
  `${file}${source === undefined ? '' : ` of ${source}`}${sha256 === undefined ? '' : `, sha256 ${sha256}`}`;

/** One value a channel. */
export const byChannel = (v: number | readonly number[], channels: number): readonly number[] =>
  typeof v === 'number' ? Array.from({ length: channels }, () => v) : v;

/** The card, checked. @throws MoonletError when it has another number of labels than the net has classes. */
export function checkedCard(graph: Graph, card: ExportCard): ExportCard {
  const { labels } = card;
  if (!labels) return card;
  const classes = classesOf(graph);
  if (labels.length === classes) return card;
  throw new MoonletError(
    `${graph.name}: the card has ${labels.length} labels and the net ${classes} classes; give one label a class`,
  );
}

/** The card as the fields of an ONNX model. */
export const onnxCard = (card: ExportCard): Pick<OnnxModel, 'producer' | 'producerVersion' | 'metadata'> => ({
  producer: 'moonlet',
  producerVersion: version,
  metadata: metadataOf(card),
});

/**
 * The card as texts by name, as ONNX's `metadata_props`, tf.layers' `userDefinedMetadata` and safetensors' `__metadata__` hold
 * them: `producer` (ours, with the version), `license`, `source`; `labels` and `preprocessing` as JSON.
 */
export function metadataOf({ labels, preprocessing, license, source }: ExportCard): Record<string, string> {
  return {
    producer: `moonlet ${version}`,
    ...(license === undefined ? {} : { license }),
    ...(source === undefined ? {} : { source }),
    ...(preprocessing ? { preprocessing: JSON.stringify(preprocessing) } : {}),
    ...(labels ? { labels: JSON.stringify(labels) } : {}),
  };
}
