/** @file The message of the error that a call throws, for tests that assert it whole. */
import type { MoonletError } from '../../src/errors.ts';

/** The message that the call throws, by `throw` or by rejection, if the error is of this class. */
export async function messageOf(
  kind: abstract new (...args: never[]) => MoonletError,
  call: () => unknown,
): Promise<string> {
  try {
    await call();
  } catch (error) {
    if (error instanceof kind && error.constructor === kind) return error.message;
    throw error;
  }
  throw new Error('nothing was thrown');
}
