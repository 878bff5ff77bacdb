/**
 * @file Recognizes the files in a folder that a Moonlet command wrote, so that a new result replaces only these. A
 * name alone proves nothing where it would be removed: the file that says what the set is must be ours by its text.
 */
import { closeSync, lstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { namesIn } from './write.ts';

/** A set that commands write: the file that names it, how that begins, and what may stand beside it. */
interface FileSet {
  readonly entry: string;
  readonly begins: RegExp;
  readonly beside: readonly string[];
}
const sets: readonly FileSet[] = [
  {
    entry: 'graph.json',
    begins: /"format"\s*:\s*"moonlet-graph"/,
    beside: [
      ...['weights.safetensors', 'card.json', 'recipe.json', 'history.json', 'result.json'],
      ...['steps.json', 'rows.json', 'weights.compact'],
    ],
  },
  { entry: 'model.json', begins: /"convertedBy"\s*:\s*"moonlet"/, beside: ['weights.bin'] },
  { entry: 'net.ts', begins: /from 'moonlet'/, beside: ['weights.safetensors'] },
  { entry: 'model.onnx', begins: /moonlet/, beside: [] },
  { entry: 'model.safetensors', begins: /"producer":"moonlet /, beside: ['config.json'] },
  {
    entry: 'config.json',
    begins: /^\{\s*"moonlet"/,
    beside: ['preprocessor_config.json', 'onnx/model.onnx', 'onnx/model_quantized.onnx'],
  },
];

/** Files whose presence says that their set is complete: they go first and come last. */
export const entries: readonly string[] = sets.map(({ entry }) => entry);

const names = new Set(sets.flatMap(({ entry, beside }) => [entry, ...beside]));
const checkpoint = /^checkpoints\/(?:[A-Za-z0-9_-]+\/)?(?:last|best)\.safetensors$/;

/** Whether commands write a file of this path, relative to its folder. */
export const isOurPath = (path: string): boolean => names.has(path) || checkpoint.test(path);

/** The files of a folder that are ours, as paths relative to it. */
export function ourFiles(folder: string): readonly string[] {
  const own = namesIn(folder);
  const isFolder = lstatSync(join(folder, 'onnx'), { throwIfNoEntry: false })?.isDirectory();
  const there = new Set([
    ...own,
    ...(isFolder ? namesIn(join(folder, 'onnx')).map((name) => `onnx/${name}`) : []),
  ]);
  const found = sets
    .filter(({ entry, begins }) => there.has(entry) && begins.test(beginning(join(folder, entry))))
    .flatMap(({ entry, beside }) => [entry, ...beside.filter((name) => there.has(name))]);
  return [...new Set([...found, ...checkpointsIn(folder)])];
}

/** Checkpoints of a run, where `checkpoints` is a folder of its own and no link to another. */
export function checkpointsIn(folder: string): readonly string[] {
  const isFolder = lstatSync(join(folder, 'checkpoints'), { throwIfNoEntry: false })?.isDirectory();
  if (!isFolder) return [];
  return readdirSync(join(folder, 'checkpoints'), { recursive: true, encoding: 'utf8' })
    .map((path) => `checkpoints/${path.replaceAll('\\', '/')}`)
    .filter((path) => checkpoint.test(path));
}

/** The first 4 KiB of a file as text; nothing where it cannot be read. */
function beginning(path: string): string {
  const bytes = Buffer.alloc(4096);
  try {
    const file = openSync(path, 'r');
    try {
      return bytes.toString('latin1', 0, readSync(file, bytes));
    } finally {
      closeSync(file);
    }
  } catch {
    return '';
  }
}
