/**
 * @file The moment of a kill or of a full disk, inside of one process: file operations below a folder are counted, and from
 * one of them on none has an effect any more (as after SIGKILL), or none that needs space (as on a full disk).
 */
import fs, { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { basename, dirname, join } from 'node:path';

export interface Disk {
  /** Operations that would have changed something, until now. */
  readonly steps: number;
  /** Operations work again. */
  revive(): void;
}
type Operation = (...args: unknown[]) => unknown;
const changing = [
  'writeFileSync',
  'renameSync',
  'rmSync',
  'rmdirSync',
  'mkdirSync',
  'chmodSync',
  'utimesSync',
] as const;
const spacious: readonly string[] = ['writeFileSync', 'mkdirSync'];

/** From the operation `at` (counted from 1) on; what it writes is half written. */
export function dyingDisk(
  root: string,
  at: number,
  how: 'kill' | 'full',
  onDeath: () => void = () => {},
): Disk {
  const table = fs as unknown as Record<string, Operation>;
  const saved = new Map(changing.map((name) => [name, table[name] as Operation]));
  let steps = 0;
  for (const [name, operation] of saved) {
    table[name] = (...args) => {
      if (!String(args[0]).startsWith(root)) return operation(...args);
      steps += 1;
      const isOver = steps >= at && (how === 'kill' || spacious.includes(name));
      if (!isOver) return operation(...args);
      if (steps === at && name === 'writeFileSync') halfWritten(operation, args);
      if (steps === at) onDeath();
      throw Object.assign(new Error(`${name}: the disk is gone`), {
        code: how === 'full' ? 'ENOSPC' : 'EDEAD',
      });
    };
  }
  syncBuiltinESMExports();
  return {
    get steps() {
      return steps;
    },
    revive: () => {
      for (const [name, operation] of saved) table[name] = operation;
      syncBuiltinESMExports();
    },
  };
}

function halfWritten(write: Operation, [path, content]: readonly unknown[]): void {
  const bytes = Buffer.from(content as string);
  write(path, bytes.subarray(0, bytes.length >> 1));
}

/** Makes what this process left below a folder that of a process that has ended. */
export function bury(root: string): void {
  const dead = 2 ** 30;
  const mine = `moonlet-${process.pid}-`;
  const left = readdirSync(root, { recursive: true, encoding: 'utf8' }).map((name) => join(root, name));
  for (const path of left.reverse()) {
    if (path.endsWith('.lock') && statSync(path).isFile())
      writeFileSync(path, readFileSync(path, 'utf8').replace(`"pid":${process.pid}`, `"pid":${dead}`));
    if (basename(path).includes(mine))
      renameSync(path, join(dirname(path), basename(path).replace(mine, `moonlet-${dead}-`)));
  }
}

/** Every file below a folder, by its path there, as text; hidden files of ours are left out. */
export function contents(folder: string): Readonly<Record<string, string>> {
  if (!fs.existsSync(folder)) return {};
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => !/(^|\/)\.[^/]*moonlet-/.test(name) && statSync(join(folder, name)).isFile())
    .sort();
  return Object.fromEntries(files.map((name) => [name, readFileSync(join(folder, name), 'latin1')]));
}
