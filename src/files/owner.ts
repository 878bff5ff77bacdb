/** @file Identifies the process that wrote something, and whether it still runs. */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** Enough of a process to tell later whether it has ended; what the system does not say is empty. */
export interface Owner {
  readonly pid: number;
  /** When it started, in the system's own unit: a later process may get the same number. */
  readonly started: string;
  readonly host: string;
  /** Changes with each start of the machine. */
  readonly boot: string;
  /** Where its number counts: containers have numbers of their own. */
  readonly space: string;
}

const textOf = (read: () => string): string => {
  try {
    return read().trim();
  } catch {
    return '';
  }
};

/** State and start of a process, by Linux (proc(5), fields 3 and 22); the name in field 2 may hold anything. */
function statOf(pid: number): { readonly state: string; readonly started: string } {
  const stat = textOf(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', started: fields[19] ?? '' };
}

/** This process. */
export const thisProcess = (): Owner => ({
  pid: process.pid,
  started: statOf(process.pid).started,
  host: hostname(),
  boot: textOf(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
  space: textOf(() => readlinkSync('/proc/self/ns/pid')),
});

/** Whether no process of this machine has the number. One that is dead but not yet reaped by its parent has ended. */
export function pidEnded(pid: number, started = ''): boolean {
  try {
    process.kill(pid, 0);
  } catch (e) {
    return e instanceof Error && 'code' in e && e.code === 'ESRCH';
  }
  const now = statOf(pid);
  return now.state === 'Z' || now.state === 'X' || (started !== '' && now.started !== started);
}

/** Whether an owner has ended; undefined when that cannot be told from here, as of another machine or container. */
export function hasEnded(owner: Owner, mine: Owner = thisProcess()): boolean | undefined {
  const sameMachine = owner.boot === '' ? owner.host === mine.host : owner.boot === mine.boot;
  if (sameMachine && owner.space === mine.space) return pidEnded(owner.pid, owner.started);
  const startedAgain = owner.host === mine.host && owner.space === mine.space && owner.boot !== mine.boot;
  return startedAgain && owner.boot !== '' ? true : undefined;
}
