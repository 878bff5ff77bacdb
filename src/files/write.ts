/** @file Writes one file atomically: to a temporary name, which is then renamed. */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { MoonletError } from '../errors.ts';
import { pidEnded } from './owner.ts';

/** The system's code of an error, such as ENOSPC. */
export const codeOf = (e: unknown): string =>
  e instanceof Error && 'code' in e && typeof e.code === 'string' ? e.code : String(e);

/** The error of a place that cannot be written, with the remedy; errors of ours stay what they are. */
export function unwritable(path: string, e: unknown): MoonletError {
  if (e instanceof MoonletError) return e;
  const code = codeOf(e);
  const remedy = code === 'ENOSPC' || code === 'EDQUOT' ? 'free some space, or choose' : 'choose';
  return new MoonletError(`${path}: cannot be written (${code}); ${remedy} another folder`, { cause: e });
}

/** @throws MoonletError when the place cannot be written; what stood there stays. */
export function writeAtomically(path: string, content: string | Uint8Array): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(temporary, content, { flush: true });
    renameSync(temporary, path);
    syncFolder(dirname(path));
  } catch (e) {
    discard(temporary);
    throw unwritable(path, e);
  }
  sweepTemporaries(dirname(path), (name) => name === basename(path));
}

/** @throws MoonletError when the file is not there or cannot be read. */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (e) {
    throw new MoonletError(`${path}: cannot be read (${codeOf(e)})`);
  }
}

/** Renames and new names of a folder reach the disk; systems that cannot do this for folders go without. */
export function syncFolder(folder: string): void {
  try {
    const descriptor = openSync(folder, 'r');
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // Windows, and some network file systems
  }
}

/** Removes what is of no use any more; where that fails, a later run will. */
export function discard(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // it is in nobody's way
  }
}

/** Removes `FILE.PID.tmp` of processes that have ended, for the files that `isOurs` names. */
export function sweepTemporaries(folder: string, isOurs: (file: string) => boolean): void {
  for (const name of namesIn(folder)) {
    const [, file, pid] = /^(.*)\.(\d+)\.tmp$/.exec(name) ?? [];
    if (file !== undefined && isOurs(file) && pidEnded(Number(pid))) discard(join(folder, name));
  }
}

/** The names in a folder; none when it is not there or cannot be listed. */
export function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
