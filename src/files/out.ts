/**
 * @file The output folder of a command. What is there stays until the result is whole, and then only files of ours
 * give way to it: what others put there, and what the command reads, is never written over or removed.
 */
import { existsSync, lstatSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { MoonletError } from '../errors.ts';
import { commit, dropEmpty, isFree, type NewFile, recover, runName } from './commit.ts';
import { isHiddenName, type Lock, lock, sweepStaged } from './lock.ts';
import { checkpointsIn, isOurPath, ourFiles } from './ours.ts';
import { discard, namesIn, sweepTemporaries, unwritable } from './write.ts';

export interface OutOptions {
  /** Whether files of ours that are there may be replaced; otherwise the folder must be empty. */
  readonly force: boolean;
  /** The files that the command may write. */
  readonly writes: readonly string[];
  /** Files, and folders with a net, that the command reads. */
  readonly inputs?: readonly string[];
  /** Milliseconds to wait for another writer; refused at once by default. */
  readonly waitMs?: number;
  /** Whether an unfinished training run in the folder may be gone on with. */
  readonly resumes?: boolean;
}
export interface Out {
  /** As the user named it. */
  readonly folder: string;
  /** Where a training run keeps its checkpoints: apart from those that are there, when it will replace them. */
  readonly checkpoints: string;
  /** Whether an unfinished run is there to be gone on with. */
  readonly resumes: boolean;
  /** Puts these files in the place of what is there, all or none. @throws MoonletError when they cannot be written. */
  publish(files: readonly NewFile[]): void;
}

/** Files of a folder with a net that commands read when they are given the folder. */
const netFiles = ['graph.json', 'weights.safetensors', 'card.json', 'recipe.json', 'metadata.safetensors'];

/**
 * Opens a folder for results while `use` works, and lets nobody else write there.
 * @throws MoonletError before any work when it cannot be written, is not empty, is being written, or when the command
 *   would write over what it reads.
 */
export async function withOut<T>(
  folder: string,
  options: OutOptions,
  use: (out: Out) => Promise<T> | T,
): Promise<T> {
  const { path, made } = placeOf(folder);
  let held: Lock | undefined;
  try {
    held = await lock(path, isFree(path), options.waitMs).catch((e: unknown) => {
      throw renamed(e, path, folder);
    });
    return await use(opened(folder, path, held, options));
  } finally {
    held?.release();
    if (made !== undefined) dropEmpty(path, dirname(made)); // folders for a result that did not come
  }
}

/** Errors name the folder as the user did. */
const renamed = (e: unknown, path: string, folder: string): unknown =>
  e instanceof MoonletError && e.message.startsWith(path)
    ? new MoonletError(`${folder}${e.message.slice(path.length)}`, { cause: e })
    : e;

/** The real path, through links; and the highest folder that had to be made above it. */
function placeOf(folder: string): { readonly path: string; readonly made: string | undefined } {
  const path = resolve(folder);
  try {
    const there = lstatSync(path, { throwIfNoEntry: false });
    if (there) {
      const real = realpathSync(path);
      if (!statSync(real).isDirectory()) throw Object.assign(new Error(), { code: 'EEXIST' });
      return { path: real, made: undefined };
    }
    const made = mkdirSync(dirname(path), { recursive: true });
    return { path: join(realpathSync(dirname(path)), basename(path)), made: made ?? path };
  } catch (e) {
    throw unwritable(folder, e);
  }
}

function opened(folder: string, path: string, { beside }: Lock, o: OutOptions): Out {
  recover(path);
  sweepStaged(path);
  sweepTemporaries(path, (file) => file === '' || isOurPath(file));
  const reads = inputsOf(path, o.inputs ?? []);
  for (const name of o.writes)
    if (reads.ids.has(idOf(join(path, name)) ?? '')) throw replacesInput(join(folder, name), 'folder');
  const run = runIn(folder, path, o);
  const publish = (files: readonly NewFile[]): void => {
    const moves = run.apart
      ? checkpointsIn(join(path, runName)).map((to) => ({ from: `${runName}/${to}`, to }))
      : [];
    const stays = new Set([...files.map(({ file }) => file), ...moves.map(({ to }) => to)]);
    const isStale = (name: string): boolean =>
      !stays.has(name) &&
      !reads.ids.has(idOf(join(path, name)) ?? '') &&
      !(o.resumes && !run.apart && name.startsWith('checkpoints/')); // this run's own
    const removes = (o.force || run.apart) && !reads.isSource ? ourFiles(path).filter(isStale) : [];
    try {
      commit(path, { files, moves, removes }, beside);
    } catch (e) {
      throw renamed(e, path, folder);
    }
    if (run.apart) discard(join(path, runName));
  };
  return {
    folder,
    checkpoints: join(run.apart ? join(folder, runName) : folder, 'checkpoints'),
    resumes: run.resumes,
    publish,
  };
}

interface Run {
  readonly resumes: boolean;
  /** The run will replace a result that is there, and keeps its checkpoints apart until then. */
  readonly apart: boolean;
}

/** What a run finds in the folder. @throws MoonletError when it finds what it may not touch. */
function runIn(folder: string, path: string, { force, resumes = false }: OutOptions): Run {
  if (force) {
    if (!resumes) return { resumes: false, apart: false };
    discard(join(path, runName));
    const apart = ourFiles(path).length > 0;
    if (apart && lstatSync(join(path, 'checkpoints'), { throwIfNoEntry: false })?.isSymbolicLink())
      throw new MoonletError(
        `${join(folder, 'checkpoints')}: it is a link, and --force would replace what lies behind it; choose another folder`,
      );
    return { resumes: false, apart };
  }
  const waits = checkpointsIn(join(path, runName)).length > 0;
  if (resumes && waits) return { resumes: true, apart: true };
  if (resumes && existsSync(join(path, 'checkpoints')) && !existsSync(join(path, 'graph.json')))
    return { resumes: true, apart: false };
  const isHidden = (name: string): boolean => isHiddenName(name) || (name === runName && !waits);
  if (!namesIn(path).every(isHidden))
    throw new MoonletError(
      `${folder}: the folder is not empty; choose another, or replace its files with --force (in code, force: true)`,
    );
  return { resumes: false, apart: false };
}

/** A file by what the system calls it, whatever path or link leads there; undefined when it is not there. */
function idOf(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat && `${stat.dev}:${stat.ino}`;
}

const replacesInput = (path: string, what: 'folder' | 'file'): MoonletError =>
  new MoonletError(
    `${path}: the command reads this file, and its result would take its place; choose another ${what}`,
  );

/** @throws MoonletError when a file to be written is what the command reads: one of these files, or of a net in these folders. */
export function keepInputs(path: string, inputs: readonly string[]): void {
  if (inputsOf(path, inputs).ids.has(idOf(path) ?? '')) throw replacesInput(path, 'file');
}

interface Reads {
  readonly ids: ReadonlySet<string>;
  /** The command reads the net of the very folder that it writes into: then all of ours stays beside the result. */
  readonly isSource: boolean;
}
function inputsOf(path: string, inputs: readonly string[]): Reads {
  const isFolder = (input: string): boolean =>
    statSync(input, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const files = inputs.flatMap((input) =>
    isFolder(input) ? netFiles.map((name) => join(input, name)) : [input],
  );
  const own = idOf(path);
  return {
    ids: new Set(files.flatMap((file) => idOf(file) ?? [])),
    isSource: inputs.some((input) => isFolder(input) && idOf(input) === own),
  };
}
