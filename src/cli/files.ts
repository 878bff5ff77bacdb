/** @file Writing so that nothing is ever half there: to a temporary name, then renamed. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readCard, studentNames } from '../../zoo/index.ts';
import { datasets } from '../data/index.ts';
import { MoonletError } from '../errors.ts';
import type { CheckpointStore } from '../learn/index.ts';
import { type Net, pack } from '../weights/index.ts';

const because = (e: unknown): string => (e as NodeJS.ErrnoException).code ?? String(e);

/** @throws MoonletError when the place cannot be written; what stood there stays. */
export function writeAtomically(path: string, content: string | Uint8Array): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(temporary, content, { flush: true });
    renameSync(temporary, path);
  } catch (e) {
    rmSync(temporary, { force: true });
    throw new MoonletError(`${path}: cannot be written (${because(e)}); choose another folder`);
  }
}

/** @throws MoonletError when the file is not there or cannot be read. */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (e) {
    throw new MoonletError(`${path}: cannot be read (${because(e)})`);
  }
}

/**
 * A folder for results: made when missing, emptied by `force`, and tried out before long work begins.
 * @throws MoonletError when it is not empty, or cannot be written.
 */
export function outFolder(folder: string, force: boolean): string {
  try {
    mkdirSync(folder, { recursive: true });
    if (readdirSync(folder).length) {
      if (!force)
        throw new MoonletError(
          `${folder}: the folder is not empty; choose another, or overwrite it by --force`,
        );
      for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
    }
    const probe = join(folder, `.${process.pid}.tmp`);
    writeFileSync(probe, '');
    rmSync(probe);
    return folder;
  } catch (e) {
    if (e instanceof MoonletError) throw e;
    throw new MoonletError(`${folder}: cannot be written (${because(e)}); choose another folder`);
  }
}

/** What a net was made from, and the dataset that it is for. */
export interface Origin {
  readonly from: string;
  readonly data: string;
}

/**
 * graph.json and weights.safetensors, and card.json when its origin is known. The graph comes last: a folder with a graph is
 * complete.
 */
export function saveNet(folder: string, net: Net, origin?: Origin): void {
  const { graphJson, weights } = pack(net);
  if (origin) writeAtomically(join(folder, 'card.json'), `${JSON.stringify(origin, null, 2)}\n`);
  writeAtomically(join(folder, 'weights.safetensors'), weights);
  writeAtomically(join(folder, 'graph.json'), graphJson);
}

/** The dataset of a shipped student by its card, or of a folder by its card or recipe; undefined when none says. */
export function dataOf(name: string): string | undefined {
  if (studentNames().includes(name)) return datasets.find((d) => d === readCard(name).data);
  for (const file of ['card.json', 'recipe.json']) {
    const path = join(name, file);
    if (!existsSync(path)) continue;
    try {
      const { data } = JSON.parse(readText(path)) as { data?: unknown };
      const known = datasets.find((d) => d === data);
      if (known) return known;
    } catch {
      // a file of another kind says nothing
    }
  }
  return undefined;
}

/** Checkpoints as files of a folder. */
export const checkpointFiles = (folder: string): CheckpointStore => {
  const path = (name: string): string => join(folder, `${name}.safetensors`);
  return {
    load: async (name) => (existsSync(path(name)) ? readFileSync(path(name)) : undefined),
    save: async (name, bytes) => writeAtomically(path(name), bytes),
  };
};
