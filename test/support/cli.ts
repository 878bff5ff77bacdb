/** @file The command line as a person meets it: two streams and an exit code, in a process of its own or in this one. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { moonlet as run } from '../../src/cli/program.ts';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function text(stream: NodeJS.ReadableStream): Promise<string> {
  let all = '';
  for await (const part of stream) all += String(part);
  return all;
}

/** A process of its own. */
export async function spawned(...args: readonly string[]): Promise<Outcome> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { code: code as number, stdout, stderr };
}

/** The same in this process, which is much faster. */
export async function moonlet(...args: readonly string[]): Promise<Outcome> {
  const said = { stdout: '', stderr: '' };
  const { stdout, stderr } = process;
  const [print, note] = [stdout.write, stderr.write];
  const into =
    (stream: 'stdout' | 'stderr') =>
    (text: string | Uint8Array): boolean => {
      said[stream] += String(text);
      return true;
    };
  stdout.write = into('stdout') as typeof stdout.write;
  stderr.write = into('stderr') as typeof stderr.write;
  try {
    const code = await run(args);
    return { code, ...said };
  } finally {
    stdout.write = print;
    stderr.write = note;
  }
}

/** One clear line on stderr, nothing on stdout. */
export async function expectRefusal(
  args: readonly string[],
  code: 1 | 2,
  line: string | RegExp,
): Promise<void> {
  const out = await moonlet(...args);
  if (typeof line === 'string') expect(out.stderr).to.equal(`moonlet: ${line}\n`);
  else expect(out.stderr).to.match(line);
  expect(out.stderr.trimEnd()).not.to.contain('\n');
  expect([out.code, out.stdout]).to.deep.equal([code, '']);
}

/** A folder for one describe, gone when it ends. */
export function scratch(): (...path: readonly string[]) => string {
  const folder = mkdtempSync(join(tmpdir(), 'moonlet-cli-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return (...path) => join(folder, ...path);
}
