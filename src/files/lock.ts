/**
 * @file The lock that allows only one writer in a folder. Each that wants to write puts down a file of its own, then
 * looks at those of the others: two can never both see nobody else, and removing the file of a dead process cannot hit
 * another's, since no name is used twice. proper-lockfile (4.1.2) was tried in thought: it tells a dead owner by a
 * timer that must fire every few seconds, and pruning or growing keeps the event loop busy for minutes.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MoonletError } from '../errors.ts';
import { hasEnded, type Owner, pidEnded, thisProcess } from './owner.ts';
import { discard, namesIn, unwritable } from './write.ts';

export interface Lock {
  /** Whether it stands beside the folder, where the staged result can stand too. */
  readonly beside: boolean;
  release(): void;
}
/** Who is writing there. */
export interface Held {
  readonly file: string;
  readonly owner: Owner;
  /** Milliseconds since it was last heard of. */
  readonly quiet: number;
}

/** An owner on another machine is dead when it has been silent for so long; a live one says something every minute. */
const longestSilence = 3_600_000;

/** A name in the folder, or beside it, that no other process uses; it begins with a dot and says whose it is. */
export function hiddenName(folder: string, kind: 'lock' | 'tmp', beside: boolean): string {
  const id = `moonlet-${process.pid}-${randomBytes(4).toString('hex')}.${kind}`;
  return beside ? join(dirname(folder), `.${basename(folder)}.${id}`) : join(folder, `.${id}`);
}

/** Whether `hiddenName` makes such names in the folder itself. */
export const isHiddenName = (name: string): boolean => /^\.moonlet-\d+-[0-9a-f]{8}\.(lock|tmp)$/.test(name);

/** What `hiddenName` made for this folder and is there now. */
export function hiddenFiles(folder: string, kind: 'lock' | 'tmp'): readonly string[] {
  const isOne = (name: string): boolean => isHiddenName(name) && name.endsWith(`.${kind}`);
  const prefix = `.${basename(folder)}`;
  return [
    ...namesIn(dirname(folder))
      .filter((name) => name.startsWith(prefix) && isOne(name.slice(prefix.length)))
      .map((name) => join(dirname(folder), name)),
    ...namesIn(folder)
      .filter(isOne)
      .map((name) => join(folder, name)),
  ];
}

/** The locks that this process holds; those that are left at its end go with it. */
const standing = new Set<string>();
const releaseAll = (): void => standing.forEach(discard);

/**
 * The lock of a folder, or who holds it. `beside` puts it into the folder above where that can be written.
 * @throws MoonletError when neither place can be written.
 */
export function tryLock(folder: string, beside: boolean): Lock | Held {
  const { file, isBeside } = putDown(folder, beside);
  const held = hiddenFiles(folder, 'lock').flatMap((other) => (other === file ? [] : holding(other)))[0];
  if (held) {
    discard(file);
    return held;
  }
  const heard = setInterval(() => {
    try {
      utimesSync(file, new Date(), new Date());
    } catch {
      // removed by hand
    }
  }, 60_000).unref();
  const release = (): void => {
    clearInterval(heard);
    standing.delete(file);
    if (!standing.size) process.off('exit', releaseAll);
    discard(file);
  };
  if (!standing.size) process.once('exit', releaseAll);
  standing.add(file);
  return { beside: isBeside, release };
}

/** The same, trying again for a moment where two came at once, and for `waitMs` where another is at work. */
export async function lock(folder: string, beside: boolean, waitMs = 0): Promise<Lock> {
  const until = performance.now() + waitMs;
  for (let turn = 1; ; turn++) {
    const got = tryLock(folder, beside);
    if ('release' in got) return got;
    if (performance.now() > until && (turn === 6 || got.quiet > 2000)) throw busy(folder, got);
    await sleep(20 + 180 * Math.random());
  }
}

/** The refusal of the second writer. */
export function busy(folder: string, { owner, file }: Held): MoonletError {
  const ended = hasEnded(owner);
  const who = `process ${owner.pid}${ended === undefined ? ` on ${owner.host}` : ''}`;
  const remedy =
    ended === undefined
      ? `wait for it, choose another folder, or remove ${file} if it has ended`
      : 'wait for it, or choose another folder';
  return new MoonletError(`${folder}: ${who} is writing there; ${remedy}`);
}

/** Our own file, with its content at once. */
function putDown(folder: string, beside: boolean): { readonly file: string; readonly isBeside: boolean } {
  for (const isBeside of beside ? [true, false] : [false]) {
    const [file, temporary] = [hiddenName(folder, 'lock', isBeside), hiddenName(folder, 'tmp', isBeside)];
    try {
      if (!isBeside) mkdirSync(folder, { recursive: true });
      writeFileSync(temporary, JSON.stringify(thisProcess()));
      renameSync(temporary, file);
      return { file, isBeside };
    } catch (e) {
      discard(temporary);
      if (!isBeside) throw unwritable(folder, e);
    }
  }
  throw new Error('internal: no place for a lock');
}

/** Who holds the lock of this file; nobody when it has ended, and then the file goes. */
function holding(file: string): readonly Held[] {
  try {
    const owner: Owner = JSON.parse(readFileSync(file, 'utf8'));
    const quiet = Date.now() - statSync(file).mtimeMs;
    if (!(hasEnded(owner) ?? quiet > longestSilence)) return [{ file, owner, quiet }];
  } catch {
    // released just now, or torn by a power failure
  }
  discard(file);
  return [];
}

/** Removes what processes that have ended had staged. Only the holder of the lock may do this. */
export function sweepStaged(folder: string): void {
  for (const path of hiddenFiles(folder, 'tmp')) {
    const pid = Number(/moonlet-(\d+)-[0-9a-f]+\.tmp$/.exec(path)?.[1]);
    const quiet = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);
    if (pidEnded(pid) || quiet > longestSilence) discard(path);
  }
  // as releases before the lock named them
  for (const name of namesIn(dirname(folder))) {
    const [, of, pid] = /^\.(.+)\.(\d+)-\d+\.tmp$/.exec(name) ?? [];
    if (of === basename(folder) && pidEnded(Number(pid))) discard(join(dirname(folder), name));
  }
}
