/** @file A value of the store is computed by one of many; a dead one is replaced, and nobody waits for ever. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { computedOnce } from '../../src/sweep/once.ts';
import { folderStore } from '../../src/sweep/store.ts';
import { scratch } from '../support/cli.ts';

const folder = scratch();
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined): string => new TextDecoder().decode(value);

describe('a value that many need', () => {
  it('is computed once, however many ask at the same moment, and no lease stays', async () => {
    const store = folderStore(folder('many'));
    let times = 0;
    const one = () =>
      computedOnce(
        store,
        'a/value',
        async (alive) => {
          times++;
          for (let i = 0; i < 30; i++) {
            await sleep(20); // longer in all than a lease, which is renewed
            await alive();
          }
          return bytes('x');
        },
        { leaseMs: 400, pollMs: 5 },
      );
    expect((await Promise.all([one(), one(), one(), one()])).map(text)).to.deep.equal(['x', 'x', 'x', 'x']);
    expect(times).to.equal(1);
    expect(await store.get('a/value.lease')).to.equal(undefined);
  });

  it('is computed by one of the others when its holder has died', async () => {
    const store = folderStore(folder('died'));
    expect(await store.create('value.lease', 'somebody')).to.equal(true);
    expect(await store.create('value.lease', 'another')).to.equal(false);
    let times = 0;
    const one = () =>
      computedOnce(store, 'value', async () => bytes(`${++times}`), { leaseMs: 40, pollMs: 10 });
    expect((await Promise.all([one(), one()])).map(text)).to.deep.equal(['1', '1']);
  });

  it('is computed by those that fail over, when the holder throws', async () => {
    const store = folderStore(folder('threw'));
    const failing = computedOnce(store, 'value', async () => {
      throw new Error('no memory');
    });
    expect(await failing.catch((e: Error) => e.message)).to.equal('no memory');
    expect(text(await computedOnce(store, 'value', async () => bytes('y')))).to.equal('y');
  });

  it('is computed without a lease behind the limit, and not at all when the signal comes', async () => {
    const store = folderStore(folder('slow'));
    await store.create('value.lease', 'slow');
    let beat = 0;
    const slow = setInterval(() => void store.put('value.lease', `slow ${++beat}`), 10);
    const own = await computedOnce(store, 'value', async () => bytes('own'), {
      leaseMs: 200,
      pollMs: 10,
      limitMs: 60,
    });
    const stop = new AbortController();
    const none = computedOnce(store, 'value', async () => bytes('z'), {
      leaseMs: 200,
      pollMs: 10,
      signal: stop.signal,
    });
    stop.abort();
    expect([text(own), await none]).to.deep.equal(['own', undefined]);
    clearInterval(slow);
  });
});
