/**
 * @file The process of one trial. It gets a specification as a message, answers with the outcome, and ends; it also ends when the
 * worker that started it is gone.
 */
import { messageOf, oneLine } from '../errors.ts';
import { openStore } from './store.ts';
import { type Outcome, runTrial, type TrialSpec } from './trial.ts';

export interface ToChild {
  readonly spec: TrialSpec;
  readonly store: string;
}
export type FromChild =
  | { readonly kind: 'ready' }
  | { readonly kind: 'step'; readonly step: number }
  | { readonly kind: 'outcome'; readonly outcome?: NonNullable<Outcome> }
  | { readonly kind: 'fault'; readonly text: string };

const send = (message: FromChild): Promise<void> =>
  new Promise((done) => {
    if (!process.send) return done();
    process.send(message, undefined, undefined, () => done());
  });

const stop = new AbortController();
process.on('disconnect', () => process.exit(1));
process.on('SIGTERM', () => stop.abort());
process.on('SIGINT', () => {}); // a terminal sends Ctrl-C to all; the worker decides

process.once('message', async ({ spec, store }: ToChild) => {
  let said = 0;
  try {
    const outcome = await runTrial(spec, await openStore(store), {
      signal: stop.signal,
      onStep: (step) => {
        if (performance.now() - said < 1000) return;
        said = performance.now();
        void send({ kind: 'step', step });
      },
    });
    await send({ kind: 'outcome', ...(outcome ? { outcome } : {}) });
  } catch (e) {
    await send({ kind: 'fault', text: oneLine(messageOf(e)) });
  }
  process.exit(0);
});
void send({ kind: 'ready' });
