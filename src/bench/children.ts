/** @file Runs workers as child processes: starts them one after another, then asks each for steps in turn. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Engine, Ready } from './types.ts';
import type { Question } from './worker.ts';

const here = dirname(fileURLToPath(import.meta.url));
/** The interpreter of the Python peers. */
export const python = (): string => process.env['MOONLET_PYTHON'] ?? 'python3';

export interface Worker {
  readonly engine: Engine;
  readonly ready: Ready;
  /** Milliseconds of each step; undefined when they did not come in time, and the worker is gone. */
  steps(count: number, limitMs: number): Promise<readonly number[] | undefined>;
  /** Its peak memory in MiB. */
  end(): Promise<number>;
}
interface Absent {
  readonly missing: string;
}

/** A worker that is warm, or why there is none. */
export async function start(engine: Engine, folder: string, limitMs: number): Promise<Worker | Absent> {
  const command = await commandOf(engine, folder, limitMs);
  if ('missing' in command) return command;
  const lines = new Lines(command.program, command.args);
  const first = await lines.next(limitMs);
  if (!first || !isReady(first)) {
    lines.kill();
    if (first?.missing !== undefined) return { missing: first.missing };
    return { missing: lines.gone ?? `no step within ${Math.round(limitMs / 1000)} s` };
  }
  return {
    engine,
    ready: first,
    steps: async (count, limit) => {
      lines.send({ do: 'run', steps: count });
      const answer = await lines.next(limit);
      if (answer?.ms) return answer.ms;
      lines.kill();
      return undefined;
    },
    end: async () => {
      lines.send({ do: 'end' });
      const answer = await lines.next(10_000);
      await lines.close();
      return answer?.peakMiB ?? Number.NaN;
    },
  };
}

interface Command {
  readonly program: string;
  readonly args: readonly string[];
}
/** A program of the peers: beside this file, or in the package beside `dist`. */
export function peer(name: string): string {
  const beside = join(here, 'peers', `${name}.py`);
  return existsSync(beside)
    ? beside
    : join(here, '..', '..', '..', 'scripts', 'bench', 'peers', `${name}.py`);
}
const nodeWorker = (...args: string[]): Command => {
  const own = extname(fileURLToPath(import.meta.url));
  return {
    program: process.execPath,
    args: ['--expose-gc', ...(own === '.ts' ? ['--import', 'tsx'] : []), join(here, `worker${own}`), ...args],
  };
};

async function commandOf(engine: Engine, folder: string, limitMs: number): Promise<Command | Absent> {
  if (engine === 'python-torch') return { program: python(), args: [peer('torch_peer'), folder] };
  if (engine === 'python-keras') return { program: python(), args: [peer('keras_peer'), folder] };
  if (engine !== 'onnxruntime-python-export') return nodeWorker(folder, engine);
  const file = join(folder, 'export.onnx');
  const lines = new Lines(python(), [peer('torch_peer'), folder, file]);
  const answer = await lines.next(limitMs);
  lines.kill();
  if (answer && 'exported' in answer) return nodeWorker(folder, engine, file);
  return { missing: answer?.missing ?? lines.gone ?? 'torch did not export it in time' };
}

/** A line of a worker: that it is ready or what it lacks, the times of a run, its peak memory. */
interface Answer extends Partial<Ready> {
  readonly ready?: true;
  readonly missing?: string;
  readonly exported?: unknown;
  readonly ms?: readonly number[];
  readonly peakMiB?: number;
}
const isReady = (answer: Answer): answer is Answer & Ready => answer.ready !== undefined;

/** A child and the lines of its stdout that begin with `@`; what its libraries print besides is not ours. */
class Lines {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #reader: Interface;
  readonly #waiting: ((line: Answer | undefined) => void)[] = [];
  readonly #come: Answer[] = [];
  #errors = '';
  /** Why it is no more. */
  gone: string | undefined;

  constructor(program: string, args: readonly string[]) {
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const end = (reason: string): void => {
      process.off('exit', this.kill);
      this.gone ??= reason;
      for (const tell of this.#waiting.splice(0)) tell(undefined);
    };
    this.#child.on('error', (e: NodeJS.ErrnoException) =>
      end(e.code === 'ENOENT' ? 'no Python is found; set MOONLET_PYTHON' : e.message),
    );
    this.#child.on('close', (code, signal) => end(lastLine(this.#errors) ?? `it ended by ${signal ?? code}`));
    this.#child.stdin.on('error', () => {}); // a child that died says so by closing
    this.#child.stderr.on('data', (text: Buffer) => {
      this.#errors = (this.#errors + text.toString()).slice(-10_000);
    });
    this.#reader = createInterface({ input: this.#child.stdout });
    this.#reader.on('line', (line) => {
      if (!line.startsWith('@')) return;
      const message: Answer = JSON.parse(line.slice(1));
      const tell = this.#waiting.shift();
      if (tell) tell(message);
      else this.#come.push(message);
    });
    process.once('exit', this.kill);
  }

  send(message: Question): void {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  /** The next line, or undefined after the time or the child's end. */
  async next(limitMs: number): Promise<Answer | undefined> {
    const there = this.#come.shift();
    if (there || this.gone !== undefined) return there;
    return new Promise((resolve) => {
      const tell = (line: Answer | undefined): void => {
        clearTimeout(timer);
        resolve(line);
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(tell), 1);
        resolve(undefined);
      }, limitMs);
      this.#waiting.push(tell);
    });
  }

  readonly kill = (): void => void this.#child.kill('SIGKILL');

  async close(): Promise<void> {
    const timer = setTimeout(this.kill, 5000);
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'close');
    clearTimeout(timer);
  }
}

/** Of what a program said before it died, the line that tells the most. */
function lastLine(text: string): string | undefined {
  const lines = text.split('\n').map((line) => line.trim());
  return lines.findLast((line) => /^\w*(Error|Exception)\b/.test(line)) ?? lines.findLast(Boolean);
}
