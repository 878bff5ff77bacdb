/**
 * @file A root hook of mocha: a test fails where onnxruntime refused a graph in blocks and one without blocks took over, which
 * gives the right numbers and would go unseen.
 */

import { fallbackCode } from '../../src/jit/session.ts';

// tests trace what they test, and leave no models in the cache of the user
process.env['MOONLET_MODEL_CACHE'] ??= 'off';

let seen: string[] = [];

process.on('warning', (warning) => {
  if ('code' in warning && warning.code === fallbackCode) seen.push(warning.message);
});

/** Warnings are told a tick later. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The refusals since the last call, for tests that want one. */
export async function takeRefusals(): Promise<readonly string[]> {
  await settled();
  const taken = seen;
  seen = [];
  return taken;
}

export const mochaHooks = {
  async afterEach(): Promise<void> {
    const [first] = await takeRefusals();
    if (first !== undefined) throw new Error(first);
  },
};
