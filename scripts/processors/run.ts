/** @file Tasks on one processor: a worker that is started again behind a task that ends it. */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Arrays } from '../../src/jit/index.ts';
import type { Processor } from './emulators.ts';
import { readArrays } from './tasks.ts';

/** What a task gave, or why it gave nothing. */
export type Result = { readonly arrays: Arrays; readonly ms: number } | { readonly error: string };
export interface Ran {
  /** What the probe found; null without blocked convs, undefined when no worker ever started. */
  readonly block: number | null | undefined;
  /** By the index of the task. */
  readonly results: readonly Result[];
}

/** A task takes seconds natively; emulated, some minutes are a hang. */
const limitMs = 600_000;

type Message =
  | { readonly processor: string; readonly block: number | null }
  | { readonly task: number; readonly ms?: number; readonly error?: string };

/** @param onTask told of each task that is done. */
export async function runTasks(
  processor: Processor,
  worker: string,
  folders: readonly string[],
  out: string,
  onTask: (task: number) => void = () => {},
): Promise<Ran> {
  const results: Result[] = [];
  let block: number | null | undefined;
  while (results.length < folders.length) {
    const begun = results.length;
    const own = join(out, `${processor.name}-${begun}`);
    mkdirSync(own, { recursive: true });
    const end = await oneWorker(
      processor,
      [worker, processor.runtime, own, ...folders.slice(begun)],
      (message) => {
        if ('processor' in message) block = message.block;
        else {
          const { task, ms = 0, error } = message;
          results[begun + task] =
            error === undefined ? { arrays: readArrays(join(own, `${task}.safetensors`)), ms } : { error };
          onTask(begun + task);
        }
      },
    );
    if (results.length === folders.length) break;
    results.push({ error: end }); // the task that was at work when it ended
    onTask(results.length - 1);
    if (block === undefined) {
      while (results.length < folders.length) results.push({ error: end });
    }
  }
  return { block, results };
}

/** How it ended, in words, once it has. */
function oneWorker(
  { command = [] }: Processor,
  args: readonly string[],
  tell: (message: Message) => void,
): Promise<string> {
  const [program = '', ...words] = command;
  const child = spawn(program, [...words, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [errors, isLate] = ['', false];
  const stop = (): void => void child.kill('SIGKILL');
  const late = (): void => {
    isLate = true;
    stop();
  };
  let timer = setTimeout(late, limitMs);
  process.once('exit', stop);
  child.stderr.on('data', (text: Buffer) => {
    errors = (errors + text.toString()).slice(-10_000);
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!line.startsWith('@')) return;
    clearTimeout(timer);
    timer = setTimeout(late, limitMs);
    tell(JSON.parse(line.slice(1)) as Message);
  });
  return new Promise((resolve) => {
    const end = (reason: string): void => {
      clearTimeout(timer);
      process.off('exit', stop);
      resolve(reason);
    };
    child.on('error', (error) => end(error.message));
    child.on('close', (code, signal) => {
      if (isLate) return end(`no answer within ${limitMs / 60_000} minutes`);
      const said = errors
        .split('\n')
        .map((line) => line.trim())
        .findLast((line) => line !== '' && !/^qemu.*warning|core dumped/.test(line));
      end(`the process ended by ${signal ?? `exit ${code}`}${said ? ` (${said.slice(0, 200)})` : ''}`);
    });
  });
}
