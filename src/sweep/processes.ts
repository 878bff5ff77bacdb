/** @file Trials as child processes: a crash ends one trial, and its memory is given back. */
import { type ChildProcess, fork } from 'node:child_process';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FromChild, ToChild } from './child.ts';
import type { Outcome } from './trial.ts';

/** How the process of a trial ended. */
export type Ending =
  | { readonly kind: 'outcome'; readonly outcome: Outcome }
  /** An error that is no result, such as a store that cannot be reached. */
  | { readonly kind: 'fault'; readonly text: string }
  /** Nobody knows why: a native crash, no memory, a kill from outside. */
  | { readonly kind: 'died'; readonly text: string };

export interface TrialProcess {
  readonly pid: number | undefined;
  readonly ended: Promise<Ending>;
  /** Asks it to save a checkpoint and end. */
  stop(): void;
  kill(): void;
}

const own = fileURLToPath(import.meta.url);

/** Starts the process of a trial; native libraries get as many threads as the trial may use. */
export function startTrial(
  { spec, store }: ToChild,
  onStep: (step: number) => void = () => {},
): TrialProcess {
  const threads = `${spec.base.threads}`;
  const child = fork(join(dirname(own), `child${extname(own)}`), [], {
    execArgv: extname(own) === '.ts' ? ['--import', 'tsx'] : [],
    env: { ...process.env, OMP_NUM_THREADS: threads, UV_THREADPOOL_SIZE: '4' },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  if (!living.size) process.on('exit', killAll);
  living.add(child);
  const ended = endingOf(child, { spec, store }, onStep).finally(() => {
    living.delete(child);
    if (!living.size) process.off('exit', killAll);
  });
  return {
    ...{ pid: child.pid, ended },
    stop: () => void child.kill('SIGTERM'),
    kill: () => void child.kill('SIGKILL'),
  };
}

/** The trials that run now; those that are left at the end of this process go with it. */
const living = new Set<ChildProcess>();
const killAll = (): void => {
  for (const child of living) child.kill('SIGKILL');
};

function endingOf(child: ChildProcess, task: ToChild, onStep: (step: number) => void): Promise<Ending> {
  let errors = '';
  let ending: Ending | undefined;
  child.stderr?.on('data', (text: Buffer) => {
    errors = (errors + text.toString()).slice(-4000);
  });
  child.on('message', (message: FromChild) => {
    if (message.kind === 'ready') child.send(task, () => {});
    else if (message.kind === 'step') onStep(message.step);
    else if (message.kind === 'fault') ending = message;
    else ending = { kind: 'outcome', outcome: message.outcome };
  });
  return new Promise((done) => {
    child.on('error', (e) => done({ kind: 'died', text: e.message }));
    child.on('close', (code, signal) => {
      const last = errors.trim().split('\n').at(-1) ?? '';
      const text = `its process ended by ${signal ?? `exit code ${code}`}${last ? ` (${last.slice(0, 200)})` : ''}`;
      done(ending ?? { kind: 'died', text });
    });
  });
}
