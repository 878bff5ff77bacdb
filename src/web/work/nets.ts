/** @file The worker that runs nets, started when it is first needed. */
import type { NetMethods } from './net.worker.ts';
import { type Remote, remote } from './rpc.ts';

let worker: Remote<NetMethods, never> | undefined;

export function netWorker(): Remote<NetMethods, never> {
  worker ??= remote<NetMethods>(
    new Worker(new URL('./net.worker.ts', import.meta.url), { type: 'module', name: 'nets' }),
  );
  return worker;
}
