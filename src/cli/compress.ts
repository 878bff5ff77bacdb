/** @file `moonlet compress`: a chain of steps, measured after each, or a search for one that meets a budget. */
import type { Command } from 'commander';
import { findStudent } from '../../zoo/folders.ts';
import type { Budget } from '../compress/budget.ts';
import type { CompressStep } from '../compress/step-kinds.ts';
import { checkDataset, datasets } from '../data/index.ts';
import { type EngineName, engineFlag, engineHelp } from '../engine/names.ts';
import { oneLine, UsageError } from '../errors.ts';
import type { PictureHow } from '../run/pictures.ts';
import { forceHelp, fraction, numberFlag, stepCount, wholeFlag } from './numbers.ts';
import { picturesBy, skipHelp } from './picture-flags.ts';
import { note } from './say.ts';

interface Flags {
  readonly steps?: string;
  readonly out: string;
  readonly data?: string;
  readonly skipDamaged?: boolean;
  readonly maxBytes?: string;
  readonly maxMacs?: string;
  readonly maxDrop?: string;
  readonly tune?: string;
  readonly seed: string;
  readonly runs: string;
  readonly engine?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

export const compressCommand = (command: Command): void => {
  command
    .argument(
      '<student>',
      '<dataset>/<id>, a folder with graph.json and weights.safetensors, or an .onnx file',
    )
    .option(
      '--steps <steps>',
      "the steps: a string such as 'prune=0.8 fit=300 share=16 huffman', JSON, or a .json file (default: found by search)",
    )
    .requiredOption('--out <folder>', 'where graph.json, weights.safetensors and steps.json go (required)')
    .option(
      '--data <name>',
      `the dataset: ${datasets.join(', ')}, or a path: a dataset.json, a folder of IDX files, or a folder or CSV of pictures; a folder of pictures without class folders calibrates only (default: the dataset on the student's card)`,
    )
    .option('--skip-damaged', skipHelp)
    .option('--max-bytes <n>', 'the largest size of the stored weights in bytes (default: no limit)')
    .option('--max-macs <n>', 'the largest number of multiply-adds (default: no limit)')
    .option('--max-drop <x>', 'the largest loss of accuracy, such as 0.005 (default: no limit)')
    .option(
      '--tune <n>',
      'in a search, training steps after each step that loses accuracy (default: chosen by the search)',
    )
    .option('--seed <n>', 'the seed of training, and of the held-out and calibration examples', '0')
    .option('--runs <n>', 'timed runs of one example; 0 measures no time', '30')
    .option('--engine <name>', engineHelp)
    .option('--force', forceHelp)
    .option('--json', 'print one JSON document, a row for each step (default: a table)')
    .action(run);
};

/** What the flags ask for, all of them looked at. */
export interface Wanted {
  readonly steps?: readonly CompressStep[];
  readonly budget: Budget;
  readonly seed: number;
  readonly runs: number;
  readonly engine?: EngineName;
  readonly tune?: number;
  readonly data?: string;
  /** What is done with damaged pictures. */
  readonly pictures: PictureHow;
  readonly out: string;
  readonly force: boolean;
  readonly json: boolean;
  /** Files that the command reads beside the student. */
  readonly inputs: readonly string[];
}

async function run(name: string, flags: Flags): Promise<void> {
  const budget = budgetOf(flags);
  if (flags.steps === undefined && Object.keys(budget).length === 0)
    throw new UsageError('compress needs --steps, or a budget: --max-bytes, --max-macs, --max-drop');
  if (flags.steps !== undefined && flags.tune !== undefined)
    throw new UsageError(
      '--tune is for the search of a budget; in --steps, say where to train: prune=0.5 fit=300',
    );
  const wanted: Wanted = {
    ...(flags.steps === undefined ? {} : { steps: await stepsOf(flags.steps) }),
    budget,
    seed: wholeFlag('seed', flags.seed),
    runs: wholeFlag('runs', flags.runs, { max: 100_000 }),
    ...engineFlag(flags.engine),
    ...(flags.tune === undefined ? {} : { tune: wholeFlag('tune', flags.tune, stepCount) }),
    ...(flags.data === undefined ? {} : { data: flags.data }),
    pictures: picturesBy(flags),
    out: flags.out,
    force: flags.force ?? false,
    json: flags.json ?? false,
    inputs: flags.steps?.endsWith('.json') ? [flags.steps] : [],
  };
  findStudent(name);
  if (flags.data !== undefined) checkDataset(flags.data);
  if (flags.steps === undefined && budget.maxBytes === undefined && budget.maxMacs === undefined)
    note('no size limit given: searching for the strongest chain within the drop');
  const { compressStudent } = await import('./compress-run.ts');
  await compressStudent(name, wanted);
}

async function stepsOf(text: string): Promise<readonly CompressStep[]> {
  const { parseSteps } = await import('../compress/parse-steps.ts');
  if (!text.trimStart().startsWith('[') && text.endsWith('.json')) {
    const { readValue } = await import('../run/json-file.ts');
    return parseSteps(readValue(text), text);
  }
  if (!text.trimStart().startsWith('[')) return parseSteps(text, '--steps');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (e) {
    throw new UsageError(`--steps: not JSON (${oneLine((e as Error).message)})`);
  }
  return parseSteps(json, '--steps');
}

function budgetOf(flags: Flags): Budget {
  const drop = flags.maxDrop === undefined ? undefined : numberFlag('max-drop', flags.maxDrop, fraction);
  return {
    ...(flags.maxBytes === undefined ? {} : { maxBytes: wholeFlag('max-bytes', flags.maxBytes) }),
    ...(flags.maxMacs === undefined ? {} : { maxMacs: wholeFlag('max-macs', flags.maxMacs) }),
    ...(drop === undefined ? {} : { maxDrop: drop }),
  };
}
