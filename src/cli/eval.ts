/** @file `moonlet eval`: the accuracy of a student on the test split. */
import type { Command } from 'commander';
import { findStudent } from '../../zoo/folders.ts';
import { checkDataset, datasets } from '../data/index.ts';
import { engineFlag, engineHelp, threadsOf } from '../engine/names.ts';
import { picturesBy, skipHelp } from './picture-flags.ts';
import { count, note, percent, print, printJson } from './say.ts';

interface Flags {
  readonly data?: string;
  readonly engine?: string;
  readonly threads?: string;
  readonly skipDamaged?: boolean;
  readonly json?: boolean;
}

export const evalCommand = (command: Command): void => {
  command
    .argument(
      '<student>',
      '<dataset>/<id>, a folder with graph.json and weights.safetensors, or an .onnx file',
    )
    .option(
      '--data <name>',
      `the dataset: ${datasets.join(', ')}, or a path: a dataset.json, a folder or a CSV of pictures (default: the dataset on the student's card)`,
    )
    .option('--skip-damaged', skipHelp)
    .option('--engine <name>', engineHelp)
    .option('--threads <n>', 'threads of onnxruntime (default: one for each core)')
    .option('--json', 'print one JSON document (default: one line of text)')
    .action(run);
};

async function run(name: string, flags: Flags): Promise<void> {
  const engine = { ...engineFlag(flags.engine), ...threadsOf(flags.threads) };
  findStudent(name);
  if (flags.data !== undefined) checkDataset(flags.data);
  const { evaluated } = await import('./eval-run.ts');
  const { note: about, ...result } = await evaluated(name, flags.data, engine, picturesBy(flags));
  if (flags.json) return printJson(result);
  const { accuracy, n, data, params } = result;
  print(
    `${name}: ${percent(accuracy)} of ${count(n)} test images of ${data}, ${count(params)} parameters, by ${result.engine}`,
  );
  if (about) note(about);
}
