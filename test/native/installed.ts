/** @file Whether tfjs-node is here. Its suites are skipped where it is not, with one line that says so. */
import type { Context } from 'mocha';
import { useBackend } from '../../src/engine/index.ts';
import { MoonletError } from '../../src/errors.ts';

let told = false;

/** For a suite's `before`. Only a missing package skips: one that is there and does not load is a failure. */
export async function needsTfjsNode(this: Context): Promise<void> {
  this.timeout(60_000);
  try {
    await useBackend('tfjs-node');
  } catch (e) {
    if (!(e instanceof MoonletError) || !e.message.includes('is not installed')) throw e;
    if (!told) process.stderr.write(`skipped: ${e.message}\n`);
    told = true;
    this.skip();
  }
}
