/** @file The commands by name. Only the one that is called is loaded, and it loads tensors only where it runs a net. */
import type { Command } from 'commander';

export interface CommandEntry {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What gives the command its arguments, its options and its action. */
  load(): Promise<(command: Command) => void>;
}

export const commands: readonly CommandEntry[] = [
  {
    name: 'list',
    summary: 'list architectures, trained students and recipes; with ARCH, the options of one architecture',
    load: async () => (await import('./list.ts')).listCommand,
  },
  {
    name: 'cost',
    summary: 'count parameters, multiply-adds and memory of an architecture or a student',
    load: async () => (await import('./cost.ts')).costCommand,
  },
  {
    name: 'show',
    summary: 'show the layers of an architecture or a student, as a table or a diagram',
    load: async () => (await import('./show.ts')).showCommand,
  },
  {
    name: 'cheapen',
    summary: 'replace the residual blocks of a network by cheaper ones and compare the costs (Moonshine)',
    load: async () => (await import('./cheapen.ts')).cheapenCommand,
  },
  {
    name: 'compress',
    summary: 'prune, factorize, quantize or share weights, step by step or to meet a budget',
    load: async () => (await import('./compress.ts')).compressCommand,
  },
  {
    name: 'fit',
    summary: 'train a network on labels, or by a recipe as it says',
    load: async () => (await import('./fit.ts')).fitCommand,
  },
  {
    name: 'distill',
    summary: 'train a student network with the help of a teacher',
    load: async () => (await import('./fit.ts')).distillCommand,
  },
  {
    name: 'pull',
    summary: 'fetch a trained student, or a pretrained net of the Hugging Face hub, and verify its files',
    load: async () => (await import('./pull.ts')).pullCommand,
  },
  {
    name: 'eval',
    summary: 'measure the accuracy of a student on the test split of its dataset',
    load: async () => (await import('./eval.ts')).evalCommand,
  },
  {
    name: 'classify',
    summary: 'name what is on pictures, with probabilities',
    load: async () => (await import('./classify.ts')).classifyCommand,
  },
  {
    name: 'grow',
    summary: 'make a network wider and deeper without changing what it computes (Net2Net)',
    load: async () => (await import('./grow.ts')).growCommand,
  },
  {
    name: 'import',
    summary: 'import weights of timm, torchvision, Keras or tf.layers',
    load: async () => (await import('./import.ts')).importCommand,
  },
  {
    name: 'export',
    summary: 'write a student as files for other runtimes',
    load: async () => (await import('./export.ts')).exportCommand,
  },
  {
    name: 'sweep',
    summary: 'try many recipes or architectures within exact limits, on one machine or many',
    load: async () => (await import('./sweep.ts')).sweepCommand,
  },
  {
    name: 'worker',
    summary: 'run the trials of sweeps that a queue on PostgreSQL holds',
    load: async () => (await import('./worker.ts')).workerCommand,
  },
  {
    name: 'web',
    summary: 'serve the page: explore, compose, draw, distill, grow and convert nets in a browser',
    load: async () => (await import('./web.ts')).webCommand,
  },
  {
    name: 'bench',
    summary: 'measure the speed of every engine on this machine',
    load: async () => (await import('./bench.ts')).benchCommand,
  },
];
