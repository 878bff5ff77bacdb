/** @file Reads a weight file from disk. */
import { readFileSync, statSync } from 'node:fs';
import { MoonletError, UsageError } from '../errors.ts';
import { codeOf } from '../files/index.ts';

/** A file longer than this is no net of the zoo, whose largest has 100 MB. */
const longest = 2 ** 31;

/** The bytes of a file. @throws MoonletError when it cannot be read or is too long, UsageError when it is no file. */
export function readFile(path: string): Uint8Array {
  try {
    const stat = statSync(path);
    if (!stat.isFile()) throw new UsageError(`${path}: not a file`);
    if (stat.size > longest)
      throw new MoonletError(`${path}: ${stat.size} bytes; at most ${longest} are read`);
    return readFileSync(path);
  } catch (e) {
    if (e instanceof MoonletError) throw e;
    throw new MoonletError(`${path}: cannot be read (${codeOf(e)})`);
  }
}
