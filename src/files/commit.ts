/**
 * @file Replaces a set of files by another as a whole. All bytes are written and synced under hidden names first. A
 * folder that is not there yet, or is empty, then appears by one rename. In any other the rename of the staged folder
 * to `.moonlet-commit` decides: before it nothing has changed, after it the journal inside says which renames are
 * left, which take no space on the disk and which whoever opens the folder next will finish.
 */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { MoonletError } from '../errors.ts';
import { busy, hiddenName, type Lock, tryLock } from './lock.ts';
import { entries, isOurPath } from './ours.ts';
import { codeOf, discard, syncFolder, unwritable } from './write.ts';

export interface NewFile {
  /** Its path in the folder. */
  readonly file: string;
  readonly content: string | Uint8Array;
}
export interface Move {
  readonly from: string;
  readonly to: string;
}
export interface Changes {
  readonly files: readonly NewFile[];
  /** Files of the folder that get another name. */
  readonly moves?: readonly Move[];
  /** Files of the folder that go. */
  readonly removes?: readonly string[];
}
interface Journal {
  readonly moves: readonly Move[];
  readonly removes: readonly string[];
}

/** Where an unfinished change lies. */
const commitName = '.moonlet-commit';
/** A run that will replace what the folder holds, while it lasts. */
export const runName = '.moonlet-run';

/** Whether a folder may be replaced by a rename: it is not there, or is empty and nobody's current directory. */
export function isFree(folder: string): boolean {
  if (!existsSync(folder)) return true;
  const stat = statSync(folder);
  const isOwn = process.getuid === undefined || stat.uid === process.getuid();
  return isOwn && readdirSync(folder).length === 0 && !isHere(stat);
}
const isHere = ({ dev, ino }: { dev: number; ino: number }): boolean => {
  const here = statSync('.');
  return here.dev === dev && here.ino === ino;
};

/**
 * The changes, all or none. The caller holds the folder's lock.
 * @throws MoonletError when they cannot be written; then the folder is as it was.
 */
export function commit(folder: string, changes: Changes, beside: boolean): void {
  for (const { file } of changes.files)
    if (statSync(join(folder, file), { throwIfNoEntry: false })?.isDirectory())
      throw new MoonletError(`${join(folder, file)}: a folder stands there; choose another folder`);
  if (beside && isFree(folder) && appear(folder, changes.files)) return;
  const staged = hiddenName(folder, 'tmp', false);
  try {
    stage(staged, changes.files);
    const journal = journalOf(changes);
    // what takes space is done before the rename that decides
    for (const { to } of journal.moves)
      if (to.includes('/')) mkdirSync(dirname(join(folder, to)), { recursive: true });
    writeFileSync(join(staged, 'journal.json'), JSON.stringify(journal), { flush: true });
    syncFolder(staged);
    renameSync(staged, join(folder, commitName));
  } catch (e) {
    discard(staged);
    throw unwritable(folder, e);
  }
  finish(folder);
}

/** The set as a new folder, by one rename. False where this file system cannot do it that way. */
function appear(folder: string, files: readonly NewFile[]): boolean {
  const staged = hiddenName(folder, 'tmp', true);
  try {
    stage(staged, files);
    syncFolder(staged);
  } catch (e) {
    discard(staged);
    throw unwritable(folder, e);
  }
  try {
    const there = statSync(folder, { throwIfNoEntry: false });
    if (there) chmodSync(staged, there.mode);
    if (there && process.platform === 'win32') rmdirSync(folder);
    renameSync(staged, folder);
    syncFolder(dirname(folder));
    return true;
  } catch {
    discard(staged); // a mount point, for one
    return false;
  }
}

function stage(staged: string, files: readonly NewFile[]): void {
  mkdirSync(staged, { recursive: true });
  for (const { file, content } of files) {
    mkdirSync(dirname(join(staged, file)), { recursive: true });
    writeFileSync(join(staged, file), content, { flush: true });
  }
}

/** The file that says that a set is complete comes last. */
function journalOf({ files, moves = [], removes = [] }: Changes): Journal {
  const placed = files.map(({ file }): Move => ({ from: `${commitName}/${file}`, to: file }));
  const isEntry = ({ to }: Move): boolean => entries.includes(to);
  return {
    moves: [...moves, ...placed.filter((m) => !isEntry(m)), ...placed.filter(isEntry)],
    removes: [...removes],
  };
}

/** Carries out what a journal says, from wherever it was left. The caller holds the lock. */
function finish(folder: string): void {
  const journal = readJournal(folder);
  const at = (path: string): string => join(folder, path);
  try {
    // without its entry nobody takes the folder for whole in the meantime
    if (journal.moves.length + journal.removes.length > 1)
      for (const { from, to } of journal.moves)
        if (entries.includes(to) && existsSync(at(from))) rmSync(at(to), { force: true });
    for (const path of journal.removes) {
      rmSync(at(path), { force: true });
      if (path.includes('/')) dropEmpty(dirname(at(path)), folder);
    }
    for (const { from, to } of journal.moves) {
      if (!existsSync(at(from))) continue; // done before an interruption
      if (!existsSync(dirname(at(to)))) mkdirSync(dirname(at(to)), { recursive: true });
      renameSync(at(from), at(to));
    }
    syncFolder(folder);
    if (journal.moves.some(({ from }) => from.startsWith(runName))) discard(at(runName));
    // in one step, since a journal that is half removed would be a damaged one
    const done = hiddenName(folder, 'tmp', false);
    renameSync(at(commitName), done);
    discard(done);
  } catch (e) {
    throw new MoonletError(
      `${folder}: the new files are whole in ${at(commitName)}, and cannot be moved into place (${codeOf(e)}); mend that, and any command that opens the folder finishes it`,
      { cause: e },
    );
  }
}

/** Removes folders that are empty or not there, from this one up to `top`, which stays. */
export function dropEmpty(from: string, top: string): void {
  for (let folder = from; folder.length > top.length; folder = dirname(folder)) {
    try {
      if (existsSync(folder)) rmdirSync(folder);
    } catch {
      return; // something is in it
    }
  }
}

/** @throws MoonletError for a journal that no command of ours has written: it may say nothing of other files. */
function readJournal(folder: string): Journal {
  const path = join(folder, commitName, 'journal.json');
  const fail = (): never => {
    throw new MoonletError(`${path}: it is damaged; remove ${dirname(path)} and write the files again`);
  };
  let journal: Partial<Journal>;
  try {
    journal = JSON.parse(readFileSync(path, 'utf8')) ?? {};
  } catch {
    return fail();
  }
  const { moves, removes } = journal;
  const isSource = (path: unknown): boolean =>
    typeof path === 'string' &&
    [`${commitName}/`, `${runName}/`].some((p) => path.startsWith(p) && isOurPath(path.slice(p.length)));
  const isTarget = (path: unknown): boolean => typeof path === 'string' && isOurPath(path);
  if (!Array.isArray(moves) || !Array.isArray(removes)) return fail();
  if (!moves.every((m: Partial<Move>) => isSource(m?.from) && isTarget(m?.to))) return fail();
  if (!removes.every(isTarget)) return fail();
  const paths = [...moves.flatMap(({ from, to }) => [from, to]), ...removes];
  return paths.some((path) => leadsElsewhere(folder, path)) ? fail() : { moves, removes };
}

/** Whether one of the folders on the way to a file is a link to another place. */
const leadsElsewhere = (folder: string, path: string): boolean =>
  path
    .split('/')
    .slice(0, -1)
    .some((_, i, parts) =>
      lstatSync(join(folder, ...parts.slice(0, i + 1)), { throwIfNoEntry: false })?.isSymbolicLink(),
    );

/** Finishes a change that was interrupted. The caller holds the lock. */
export function recover(folder: string): void {
  if (existsSync(join(folder, commitName))) finish(folder);
}

/**
 * The same for who only wants to read the folder: waits for a writer at work.
 * @throws MoonletError when the change cannot be finished.
 */
export function settle(folder: string): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let turn = 1; existsSync(join(folder, commitName)); turn++) {
    const got = tryLock(folder, false);
    if ('release' in got) return under(got, () => recover(folder));
    if (turn === 100) throw busy(folder, got);
    Atomics.wait(pause, 0, 0, 50);
  }
}

/** What `use` does while the lock is held. */
export function under<T>(lock: Lock, use: () => T): T {
  try {
    return use();
  } finally {
    lock.release();
  }
}

/** Writes a set of files into a folder for a caller that does not work there for long. @throws MoonletError */
export function replaceFiles(folder: string, files: readonly NewFile[]): void {
  const beside = isFree(folder);
  const got = tryLock(folder, beside);
  if (!('release' in got)) throw busy(folder, got);
  under(got, () => {
    recover(folder);
    commit(folder, { files }, got.beside);
  });
}
