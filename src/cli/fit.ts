/** @file `moonlet fit` and `moonlet distill`: a run from a recipe or from flags, resumable. */
import type { Command } from 'commander';
import { datasets } from '../data/index.ts';
import { engineNames } from '../engine/names.ts';
import { UsageError } from '../errors.ts';
import { laterMethods, type Method, methods } from '../learn/distill/methods.ts';
import { scheduleNames } from '../learn/loss/schedule.ts';
import { type AugmentFlags, augmentOptions } from './augment-flags.ts';
import { forceHelp } from './numbers.ts';
import { cacheHelp, skipHelp } from './picture-flags.ts';
import { print, printJson } from './say.ts';
import { tableOf } from './tables.ts';
import { type TuneFlags, withTuneFlags } from './tune-flags.ts';

export interface Flags extends TuneFlags, AugmentFlags {
  readonly data?: string;
  readonly block?: string;
  readonly student?: string;
  readonly teacher?: string;
  readonly steps?: string;
  readonly batch?: string;
  readonly seed?: string;
  readonly rate?: string;
  readonly schedule?: string;
  readonly temperature?: string;
  readonly alpha?: string;
  readonly attention?: string;
  readonly labelSmoothing?: string;
  readonly out?: string;
  readonly list?: boolean;
  readonly force?: boolean;
  readonly engine: string;
  readonly threads?: string;
  readonly checkpointEvery: string;
  readonly tensorboard?: string;
  readonly skipDamaged?: boolean;
  readonly cache?: string;
  readonly json?: boolean;
}

const common = (command: Command): Command => {
  const named = command
    .argument(
      '[recipe or arch...]',
      'a recipe file (.json), the name of a recipe of the package, an architecture with its options, or a trained net: <dataset>/<id>, a folder or an .onnx file',
    )
    .option(
      '--student <net>',
      'the net that is trained: an architecture with its options, <dataset>/<id>, a folder or an .onnx file (default: that of the recipe, or the argument)',
    );
  return runFlags(withTuneFlags(augmentOptions(dataFlags(named))));
};
const dataFlags = (command: Command): Command =>
  command
    .option(
      '--out <folder>',
      'where graph.json, weights.safetensors and checkpoints go; an unfinished run there is resumed (default: out/<recipe>)',
    )
    .option(
      '--data <name>',
      `the dataset: ${datasets.join(', ')}, or a path: a dataset.json, a folder of IDX files, or a folder or CSV of pictures (default: that of the recipe, else mnist)`,
    )
    .option('--skip-damaged', skipHelp)
    .option('--cache <bytes>', cacheHelp)
    .option(
      '--block <block>',
      "a cheap block for the architecture, such as 'BG(2,2)' (default: its own blocks)",
    )
    .option('--steps <n>', 'training steps (default: that of the recipe, else 1000)')
    .option('--batch <n>', 'images per step (default: that of the recipe, else 64)')
    .option('--seed <n>', 'the seed of weights, order and augmentation (default: that of the recipe, else 0)')
    .option('--rate <x>', 'the peak learning rate (default: that of the recipe, else 0.1)')
    .option(
      '--schedule <name>',
      `how the learning rate changes: ${scheduleNames.join(', ')} (default: that of the recipe, else one-cycle)`,
    );
const runFlags = (command: Command): Command =>
  command
    .option(
      '--tensorboard <folder>',
      'also write losses, rates and measures to this folder as events that TensorBoard reads (default: none)',
    )
    .option('--checkpoint-every <n>', 'steps between checkpoints', '100')
    .option('--engine <name>', `the engine: ${engineNames.join(', ')}`, 'onnxruntime')
    .option('--threads <n>', 'threads of onnxruntime (default: one for each core)')
    .option('--force', forceHelp)
    .option('--json', 'print one JSON document at the end (default: one line of text)');

export const fitCommand = (command: Command): void => {
  common(command).action((words: string[], flags: Flags) => {
    if (words.length || flags.student !== undefined) return run(words, flags, false);
    throw new UsageError('fit needs a recipe, an architecture with its options, or --student <net>');
  });
};
export const distillCommand = (command: Command): void => {
  common(command)
    .option('--list', 'list the methods and exit')
    .option('--teacher <student>', '<dataset>/<id>, a folder or an .onnx file (default: that of the recipe)')
    .option('--temperature <x>', 'the temperature of the soft targets (default: 4)')
    .option('--alpha <x>', 'the weight of the soft targets; the labels get the rest (default: 0.9)')
    .option('--attention <beta>', 'add attention transfer with this weight (default: none)')
    .action((words: string[], flags: Flags) => {
      if (flags.list) return list(flags);
      if (words.length || flags.student !== undefined) return run(words, flags, true);
      throw new UsageError(
        'distill needs a recipe, an architecture with its options, --student <net>, or --list to see the methods',
      );
    });
};

function list({ json }: Flags): void {
  const all = [...methods, ...laterMethods];
  if (json) return printJson(all);
  const paper = ({ ref, arxiv = '' }: Method): string => (ref === undefined ? arxiv : `[${ref}]`);
  const rows = all.map((m) => [paper(m), m.id, `${m.authors} ${m.year}`, m.title]);
  print(tableOf([['paper', 'method', 'authors', 'title'], ...rows]));
  print('\n[number]: a reference of the survey (docs/distillation.md); other numbers are those of arXiv.');
}

async function run(words: readonly string[], flags: Flags, teaches: boolean): Promise<void> {
  const { runRecipe } = await import('./fit-recipe.ts');
  return runRecipe(words, flags, teaches);
}
