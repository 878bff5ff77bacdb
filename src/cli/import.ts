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
      '.safetensors, .pth, .h5, .weights.h5, .keras, or model.json with its shards beside it',
    )
    .requiredOption(
      '--as <arch>',
      "the architecture in quotes, such as 'mobilenet-v2 width=0.5 classes=10' (required)",
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
    .option('--labels <file>', `${labelsHelp}; they go on the card`)
    .option('--preprocessing <json>', preprocessingHelp)
    .option('--force', forceHelp)
    .option('--json', 'print the report as one JSON document (default: a table)')
    .action(async (path: string, flags: Flags) => {
      const composed = compose(flags.as);
      settle(dirname(path));
      const bytes = readFile(path);
      const { importFile } = await import('./import-run.ts');
      await importFile(path, bytes, composed, flags);
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
