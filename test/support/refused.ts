/** @file What a person reads when something is refused. */
import { expect } from 'chai';
import { MoonletError, UsageError } from '../../src/errors.ts';

/** The one line of an error that a person is meant to read; steps that were done before it fail the test. */
export async function line(work: () => unknown, kind: typeof MoonletError = MoonletError): Promise<string> {
  try {
    await work();
  } catch (e) {
    expect(e).to.be.instanceOf(kind);
    const { message } = e as Error;
    expect(message).not.to.include('\n');
    return message;
  }
  throw new Error('nothing was refused');
}
export const usage = (work: () => unknown): Promise<string> => line(work, UsageError);
