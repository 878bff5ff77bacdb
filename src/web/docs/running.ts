/** @file Runs a sample in a worker of its own, which ends with it. */
import { type Remote, remote } from '../work/rpc.ts';
import type { Line, Ran, SampleMethods } from '../work/sample.worker.ts';

export interface Running {
  readonly done: Promise<Ran>;
  /** Ends the worker, and with it the code. */
  stop(): void;
}

export function started(code: string, onLine: (line: Line) => void): Running {
  const worker: Remote<SampleMethods, Line> = remote(
    new Worker(new URL('../work/sample.worker.ts', import.meta.url), { type: 'module', name: 'sample' }),
  );
  worker.on(onLine);
  return { done: worker.call('run', code).finally(() => worker.end()), stop: () => worker.end() };
}
