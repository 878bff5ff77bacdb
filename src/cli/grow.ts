/** @file `moonlet grow`: a wider and deeper net that computes the same function, with the verification. */
import type { Command } from 'commander';
import { findStudent } from '../../zoo/folders.ts';
import { UsageError } from '../errors.ts';
import { forceHelp, wholeFlag } from './numbers.ts';

export interface Flags {
  readonly widen?: readonly string[];
  readonly deepen?: readonly string[];
  readonly enlarge?: readonly string[];
  readonly units?: readonly string[];
  readonly connect?: readonly string[];
  readonly plan?: string;
  readonly macs?: string;
  readonly seed: string;
  readonly out?: string;
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}
/** Collects the values of an option that may be repeated. */
const more = (value: string, earlier: readonly string[] = []): readonly string[] => [...earlier, value];

export const growCommand = (command: Command): void => {
  command
    .argument(
      '<student>',
      '<dataset>/<id>, a folder with graph.json and weights.safetensors, or an .onnx file',
    )
    .option(
      '--widen <where=width>',
      "make layers wider, such as 'stage1=x1.5' or 'stage2/0/first=48'; may be repeated (default: none)",
      more,
    )
    .option(
      '--deepen <where=n>',
      "add blocks to a stage, such as 'stage2=1'; may be repeated (default: none)",
      more,
    )
    .option(
      '--enlarge <where=size>',
      "make kernels larger, such as 'stage2=5'; may be repeated (default: none)",
      more,
    )
    .option(
      '--units <where=width>',
      "add new units for a new task, such as 'stage3=x1.5'; may be repeated (default: none)",
      more,
    )
    .option(
      '--connect <from=to>',
      "add a zero-initialized skip connection to a later value, such as 'stage1=stage2'; may be repeated (default: none)",
      more,
    )
    .option(
      '--plan <file>',
      'the steps as a JSON file: [{"widen":{"stage1":"x1.5"}},{"deepen":"stage2","by":1}] (default: the flags above)',
    )
    .option(
      '--macs <ratio>',
      'choose steps that multiply the number of multiply-adds by this ratio (default: off)',
    )
    .option('--seed <n>', 'the seed of copies, splits and new weights', '0')
    .option('--dry-run', 'show what each step costs and preserves; write nothing')
    .option('--out <folder>', 'where graph.json and weights.safetensors go (required without --dry-run)')
    .option('--force', forceHelp)
    .option('--json', 'print one JSON document (default: a table)')
    .action(run);
};

async function run(name: string, flags: Flags): Promise<void> {
  const seed = wholeFlag('seed', flags.seed);
  findStudent(name);
  const { stepsOf } = await import('./grow-steps.ts');
  const steps = stepsOf(flags);
  if (!flags.dryRun && flags.out === undefined)
    throw new UsageError('grow needs an output folder: --out <folder>, or --dry-run to see what it would do');
  const { growStudent, showPlan } = await import('./grow-run.ts');
  return flags.out === undefined || flags.dryRun
    ? showPlan(name, steps, seed, flags.json ?? false)
    : growStudent(name, steps, seed, { ...flags, out: flags.out });
}
