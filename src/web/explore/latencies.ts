/** @file Latencies of nets in this browser, measured one after another in a worker. */
import { useRef, useState } from 'preact/hooks';
import type { Entry } from '../catalogue.ts';
import { messageOf } from '../parts/state.ts';
import { netWorker } from '../work/nets.ts';

export interface Latencies {
  /** Median milliseconds by the id of the net. */
  readonly found: ReadonlyMap<string, number>;
  readonly busy: { readonly entry: Entry; readonly left: number } | undefined;
  readonly problem: string | undefined;
  measure(entries: readonly Entry[]): void;
  stop(): void;
}

/** Nets above so many multiply-adds are measured last. */
export function useLatencies(): Latencies {
  const [found, setFound] = useState<ReadonlyMap<string, number>>(new Map());
  const [busy, setBusy] = useState<Latencies['busy']>();
  const [problem, setProblem] = useState<string | undefined>();
  const stopped = useRef(false);
  const run = async (entries: readonly Entry[]): Promise<void> => {
    stopped.current = false;
    setProblem(undefined);
    const order = [...entries].sort((a, b) => a.macs - b.macs);
    try {
      for (const [i, entry] of order.entries()) {
        if (stopped.current) break;
        setBusy({ entry, left: order.length - i });
        const ms = await netWorker().call('latency', entry.words, entry.block);
        setFound((before) => new Map(before).set(entry.id, ms));
      }
    } catch (e) {
      setProblem(messageOf(e));
    } finally {
      setBusy(undefined);
    }
  };
  return {
    ...{ found, busy, problem },
    measure: (entries) => void run(entries),
    stop: () => {
      stopped.current = true;
    },
  };
}
