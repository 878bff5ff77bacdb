/** @file The worker of the page: a run that says each step, and stops when told. */
import { type Asked, ran } from './recipe.ts';

const stop = new AbortController();
globalThis.onmessage = async ({ data }: MessageEvent<Asked | 'stop'>): Promise<void> => {
  if (data === 'stop') return stop.abort();
  try {
    const onStep = ({ step }: { readonly step: number }): void => globalThis.postMessage({ step });
    globalThis.postMessage({ loss: await ran(data, { signal: stop.signal, onStep }) });
  } catch (e) {
    globalThis.postMessage({ error: e instanceof Error ? e.message : String(e) });
  }
};
