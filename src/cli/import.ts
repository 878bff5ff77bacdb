/** @file `moonlet import`: converts weights that another library trained to a net of the zoo. */
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { compose } from '../../zoo/architectures/index.ts';
import { quote, suggestion, UsageError } from '../errors.ts';
import { settle } from '../files/index.ts';
import { type Acceptable, acceptable } from '../import/file.ts';
import { sources } from '../import/names/index.ts';
import { readFile } from './import-file.ts';
import { labelsHelp } from './labels-help.ts';
import { forceHelp } from './numbers.ts';
import { preprocessingHelp } from './preprocessing-help.ts';

/** Options for .onnx files, beside those of both. */
export interface OnnxFlags {
  readonly out: string;
  readonly until?: string;
  readonly stages?: string;
  readonly size?: string;
  readonly labels?: string;
  readonly preprocessing?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}
export interface Flags {
  readonly as: string;
  readonly out: string;
  readonly source?: string;
  readonly net?: string;
  readonly accept?: readonly Acceptable[];
  readonly maxBytes?: number;
  readonly dropBackground?: boolean;
  readonly freshHead?: boolean;
  readonly labels?: string;
  readonly preprocessing?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}
export const importCommand = (command: Command): void => {
  command
    .argument(
      '<file>',
      '.onnx, .safetensors, .pth, .h5, .weights.h5, .keras, or model.json with its shards beside it',
    )
    .option(
      '--as <arch>',
      "the architecture in quotes, such as 'mobilenet-v2 width=0.5 classes=10' (required, except for .onnx)",
    )
    .requiredOption('--out <folder>', 'where graph.json, weights.safetensors and card.json go (required)')
    .option('--source <library>', `${sources.join(', ')} (default: the one whose names fit best)`)
    .option('--drop-background', 'leave out the classifier\'s first output, TensorFlow\'s class "background"')
    .option(
      '--net <name>',
      'which net of a checkpoint that holds several, such as model_ema (default: the first)',
    )
    .option(
      '--accept <kinds>',
      `accept what is refused by default: ${acceptable.join(', ')}, separated by commas`,
      acceptedKinds,
    )
    .option('--max-bytes <n>', 'the most memory that the weights may take (default: 1 GiB)', byteCount)
    .option('--fresh-head', 'draw a new classifier at random where the file has none')
    .option('--until <node>', 'of an .onnx file: take the part before this node (default: all of it)')
    .option(
      '--stages <pattern>',
      "of an .onnx file: which beginnings of paths are stages, such as 'layer*' or 'features/*' (default: from sizes of maps)",
    )
    .option(
      '--size <n>',
      'of an .onnx file that leaves its size open: height and width, such as 224 or 224x160',
    )
    .option('--labels <file>', `${labelsHelp}; they go on the card`)
    .option('--preprocessing <json>', preprocessingHelp)
    .option('--force', forceHelp)
    .option('--json', 'print the report as one JSON document (default: a table)')
    .action(async (path: string, flags: Partial<Flags> & OnnxFlags) => {
      if (/\.onnx$/i.test(path)) return onnx(path, flags);
      const { as } = flags;
      if (as === undefined)
        throw new UsageError(
          "required option '--as <arch>' not specified; only .onnx files have an architecture of their own",
        );
      const only = onnxOnly.find((name) => flags[name] !== undefined);
      if (only) throw new UsageError(`--${only} is for .onnx files`);
      const composed = compose(as);
      settle(dirname(path));
      const bytes = readFile(path);
      const { importFile } = await import('./import-run.ts');
      await importFile(path, bytes, composed, { ...flags, as });
    });
};

function acceptedKinds(text: string): readonly Acceptable[] {
  return text.split(',').map((word) => {
    const kind = acceptable.find((k) => k === word.trim());
    if (kind) return kind;
    throw new UsageError(
      `--accept: ${acceptable.join(', ')} can be accepted, not ${quote(word)}.${suggestion(word, acceptable)}`,
    );
  });
}
function byteCount(text: string): number {
  const bytes = Number(text);
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new UsageError(`--max-bytes takes a whole number of bytes from 1 up, got ${quote(text)}`);
}

const onnxOnly = ['until', 'stages', 'size'] as const;
const weightsOnly = ['as', 'source', 'net', 'accept', 'maxBytes', 'dropBackground', 'freshHead'] as const;
async function onnx(path: string, flags: Partial<Flags> & OnnxFlags): Promise<void> {
  const other = weightsOnly.find((name) => flags[name] !== undefined);
  if (other)
    throw new UsageError(
      `--${other.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)} is for files of weights; an .onnx file has its own architecture`,
    );
  const { importOnnx } = await import('./import-onnx.ts');
  await importOnnx(path, flags);
}
