/** @file Runs code in a worker that is ended when it takes too long. */
import type { ComposeMethods, Evaluated } from '../work/compose.worker.ts';
import { type Remote, remote } from '../work/rpc.ts';

const limit = 4000;
let worker: Remote<ComposeMethods, never> | undefined;

/** The graph that code makes, or what is wrong with it. */
export async function evaluated(code: string): Promise<Evaluated> {
  worker ??= remote<ComposeMethods>(
    new Worker(new URL('../work/compose.worker.ts', import.meta.url), { type: 'module', name: 'compose' }),
  );
  const current = worker;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<Evaluated>((resolve) => {
    timer = setTimeout(
      () => {
        resolve({
          problem: {
            message: `the code ran for more than ${limit / 1000} s and was stopped; is there an endless loop?`,
          },
        });
        current.end();
        if (worker === current) worker = undefined;
      },
      limit + (isFirst ? 6000 : 0),
    );
  });
  try {
    return await Promise.race([current.call('evaluate', code), late]);
  } catch (e) {
    return { problem: { message: e instanceof Error ? e.message : String(e) } };
  } finally {
    clearTimeout(timer);
    isFirst = false;
  }
}
let isFirst = true; // the worker is loaded by the first call
