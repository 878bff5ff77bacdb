/** @file Processes of `moonlet sweep` and `moonlet worker` that a test starts, kills and starts again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Compiles the command line into a folder inside the checkout: processes start twice as fast as from TypeScript. */
export async function compiled(folder: string): Promise<string> {
  rmSync(folder, { recursive: true, force: true });
  const words = ['-p', 'tsconfig.build.json', '--outDir', folder, '--declaration', 'false'];
  const child = spawn(process.execPath, ['node_modules/typescript/bin/tsc', ...words], { stdio: 'inherit' });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error('the command line does not compile');
  return join(folder, 'src', 'cli', 'main.js');
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** What it has said on both streams. */
  said(): string;
}

/** All that were started: they end with this process. */
const living = new Set<ChildProcess>();

/** Starts a command. `stderr`: kept with stdout, or shown while `said` has stdout alone. */
export function start(
  main: string,
  words: readonly string[],
  env: NodeJS.ProcessEnv = {},
  stderr: 'kept' | 'shown' = 'kept',
): Running {
  const child = spawn(process.execPath, [main, ...words], {
    stdio: ['ignore', 'pipe', stderr === 'shown' ? 'inherit' : 'pipe'],
    env: { ...process.env, ...env },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (part: Buffer) => {
      text += part.toString();
    });
  if (!living.size) process.once('exit', () => living.forEach((c) => void c.kill('SIGKILL')));
  living.add(child);
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal }));
  return { child, ended, said: () => text };
}

/** The processes that a process started, on Linux. */
export function childrenOf(pid: number): readonly number[] {
  const file = `/proc/${pid}/task/${pid}/children`;
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8').trim().split(/\s+/).filter(Boolean).map(Number);
}
