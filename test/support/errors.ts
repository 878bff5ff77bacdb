/** @file The message of the error that a call throws, for tests that assert it whole. */
import { MoonletError } from '../../src/errors.ts';

/** The message that the call throws, if the error is of this class; an error of another class passes through. */
export function messageOf(
  call: () => unknown,
  kind: abstract new (...args: never[]) => MoonletError = MoonletError,
): string {
  try {
    call();
  } catch (error) {
    if (error instanceof kind && error.constructor === kind) return error.message;
    throw error;
  }
  throw new Error('nothing was thrown');
}
