/** @file Checkpoints of a run in a browser: in its IndexedDB, which outlives the page. */
import { MoonletError, messageOf } from '../../errors.ts';
import type { CheckpointStore } from './checkpoint.ts';

const storeName = 'checkpoints';

/**
 * Keeps checkpoints in the browser's IndexedDB, also in a worker: a run that a closed page has stopped resumes to the same numbers.
 *
 * @param name of the run; each name is a database of its own. `indexedDB.deleteDatabase('moonlet ' + name)` forgets it.
 * @throws MoonletError where there is no IndexedDB, or it refuses, such as when the disk is full.
 * @example
 * import { browserCheckpoints } from 'moonlet/learn';
 *
 * // in a page or a worker: await fit(student, train, scale, { steps: 1000, checkpoints: browserCheckpoints('my run') })
 * const runsIn = (where: string) => () => where;
 * const run = Promise.resolve().then(() => browserCheckpoints('my run')); // an error that says so where there is no browser
 * (await run.then(runsIn('browser'), runsIn('Node'))) === (typeof indexedDB === 'undefined' ? 'Node' : 'browser'); // true
 */
export function browserCheckpoints(name: string): CheckpointStore {
  const { indexedDB } = globalThis;
  if (indexedDB === undefined)
    throw new MoonletError(
      'checkpoints: there is no IndexedDB here; in Node use checkpointFiles of moonlet/run',
    );
  const request = indexedDB.open(`moonlet ${name}`, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(storeName);
  const opened = finished(request);
  return {
    async load(key) {
      const store = (await opened).transaction(storeName).objectStore(storeName);
      const found: unknown = await finished<unknown>(store.get(key));
      return found instanceof Uint8Array ? found : undefined;
    },
    async save(key, bytes) {
      const transaction = (await opened).transaction(storeName, 'readwrite', { durability: 'strict' });
      transaction.objectStore(storeName).put(bytes, key);
      await new Promise<void>((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => reject(refusal(transaction.error));
      });
    },
  };
}

/** The result of a request. */
const finished = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(refusal(request.error));
  });

const refusal = (error: DOMException | null): MoonletError =>
  new MoonletError(
    `checkpoints: IndexedDB refused (${error ? messageOf(error) : 'no reason given'}); free some space`,
  );
