/**
 * @file Unfinished downloads, kept so that the next try resumes where one stopped. A part is a folder with `data` and
 * the server's `etag`. Who works on it has renamed it to a name of its own, which only one can do: two pulls at once
 * never write to one file. What a dead process left is taken over.
 */
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pidEnded } from '../src/files/index.ts';

let counter = 0;

/** Takes the folder of an unfinished file with this sha256, or makes an empty one; no other process can use it. */
export async function claimPart(parts: string, sha256: string): Promise<string> {
  await mkdir(parts, { recursive: true });
  const mine = join(parts, `${sha256}.${process.pid}-${counter++}`);
  const left = (await readdir(parts)).filter(
    (name) => name === sha256 || (name.startsWith(sha256) && isDead(name)),
  );
  for (const name of left) {
    try {
      await rename(join(parts, name), mine);
      return mine;
    } catch {
      // another process was faster
    }
  }
  await mkdir(mine);
  return mine;
}

/** Leaves a part that has bytes for the next try. Where there is one already, ours is deleted. */
export async function leavePart(parts: string, sha256: string, mine: string): Promise<void> {
  const { size } = await stat(join(mine, 'data')).catch(() => ({ size: 0 }));
  const left = size > 0 && (await rename(mine, join(parts, sha256)).then(yes, no));
  if (!left) await rm(mine, { recursive: true, force: true });
}
const yes = (): boolean => true;
const no = (): boolean => false;

/** Whether a name like `<what>.<pid>-<n>` names a process that no longer runs. */
function isDead(name: string): boolean {
  const pid = /\.(\d+)-\d+$/.exec(name)?.[1];
  return pid !== undefined && pidEnded(Number(pid));
}
