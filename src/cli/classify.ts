/** @file `moonlet classify`: what is on pictures, by a trained net. */
import type { Command } from 'commander';
import { findStudent } from '../../zoo/folders.ts';
import { engineFlag, engineHelp, threadsOf } from '../engine/names.ts';
import { wholeFlag } from './numbers.ts';
import { skipHelp } from './picture-flags.ts';

interface Flags {
  readonly top: string;
  readonly engine?: string;
  readonly threads?: string;
  readonly skipDamaged?: boolean;
  readonly json?: boolean;
}

export const classifyCommand = (command: Command): void => {
  command
    .argument(
      '<student>',
      '<dataset>/<id>, a folder with graph.json and weights.safetensors, or an .onnx file',
    )
    .argument('<picture...>', 'files: PNG, JPEG or WebP, or folders of them')
    .option('--top <n>', 'how many classes to name for each picture', '5')
    .option('--skip-damaged', skipHelp)
    .option('--engine <name>', engineHelp)
    .option('--threads <n>', 'threads of onnxruntime (default: one for each core)')
    .option('--json', 'print one JSON document (default: lines of text)')
    .action(run);
};

async function run(name: string, pictures: readonly string[], flags: Flags): Promise<void> {
  const engine = { ...engineFlag(flags.engine), ...threadsOf(flags.threads) };
  const top = wholeFlag('top', flags.top, { min: 1 });
  findStudent(name);
  const { classifyPictures } = await import('./classify-run.ts');
  return classifyPictures(name, pictures, {
    ...{ top, engine, skip: flags.skipDamaged ?? false, json: flags.json ?? false },
  });
}
