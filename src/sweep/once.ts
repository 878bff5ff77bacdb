/**
 * @file A value of the store that many processes need is computed by one of them, which keeps a lease beside it; the others wait. No
 * clocks are compared: a lease that has not changed for its time, as the waiting process sees it, is that of a dead process, and the
 * next takes it over. At worst a value is computed twice, to the same bytes.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Store } from './store.ts';

export interface OnceOptions {
  /** A lease that has not changed for so long may be taken over; 30 s by default. */
  readonly leaseMs?: number;
  /** How often waiting processes look; 500 ms by default. */
  readonly pollMs?: number;
  /** Who has waited for so long computes the value itself; an hour by default. */
  readonly limitMs?: number;
  /** Ends waiting. */
  readonly signal?: AbortSignal;
}

/**
 * The value of a key, computed by `compute` if nobody has done so. It calls `alive` often: the lease is renewed by it.
 * @returns undefined when the signal came first.
 */
export async function computedOnce(
  store: Store,
  key: string,
  compute: (alive: () => Promise<void>) => Promise<Uint8Array | undefined>,
  { leaseMs = 30_000, pollMs = 500, limitMs = 3_600_000, signal }: OnceOptions = {},
): Promise<Uint8Array | undefined> {
  const lease = `${key}.lease`;
  const id = randomBytes(8).toString('hex');
  const read = async (): Promise<string> => new TextDecoder().decode(await store.get(lease));
  const began = performance.now();
  let [seen, since] = ['', began];
  while (!signal?.aborted) {
    const known = await store.get(key);
    if (known) return known;
    if (await store.create(lease, id)) return held(store, key, lease, id, leaseMs, compute);
    const now = await read();
    if (now !== seen) [seen, since] = [now, performance.now()];
    if (performance.now() - began > limitMs) return compute(async () => {});
    if (now !== '' && performance.now() - since > leaseMs) {
      await store.put(lease, id);
      await sleep(pollMs);
      if ((await read()) === id) return held(store, key, lease, id, leaseMs, compute);
    }
    await sleep(pollMs, undefined, signal ? { signal } : {}).catch(() => {});
  }
  return undefined;
}

/** Computes under a lease, which begins with the id of its holder. */
async function held(
  store: Store,
  key: string,
  lease: string,
  id: string,
  leaseMs: number,
  compute: (alive: () => Promise<void>) => Promise<Uint8Array | undefined>,
): Promise<Uint8Array | undefined> {
  let [renewed, beat] = [performance.now(), 0];
  try {
    // it may have come between the look and the lease
    const known = await store.get(key);
    if (known) return known;
    const found = await compute(async () => {
      if (performance.now() - renewed < leaseMs / 4) return;
      renewed = performance.now();
      await store.put(lease, `${id} ${++beat}`);
    });
    if (found) await store.put(key, found);
    return found;
  } finally {
    await store.remove(lease);
  }
}
