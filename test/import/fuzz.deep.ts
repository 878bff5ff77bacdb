/**
 * @file 10,000 damaged files a reader, each reader in a process of its own: nothing but one clear line comes of them,
 * none takes long, and the whole process (Node and TypeScript included) stays below 256 MiB.
 */
import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { readers } from '../support/mutations.ts';

const cases = 10_000;

describe(`${cases} damaged files`, () => {
  for (const name of Object.keys(readers)) {
    it(`of ${name}`, () => {
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        // a small heap, so that the peak is what reading needs, not what waits to be collected
        ['--max-old-space-size=96', '--import', 'tsx', 'test/support/fuzz-run.ts', name, String(cases)],
        { encoding: 'utf8', timeout: 20 * 60_000 },
      );
      expect([status, stderr]).to.deep.equal([0, '']);
      const { wrong, slowestMs, peakMiB, read, refused, messages } = JSON.parse(stdout);
      process.stderr.write(
        `      ${read} read, ${refused} refused by ${messages} messages; slowest ${slowestMs.toFixed(0)} ms; ${peakMiB.toFixed(0)} MiB\n`,
      );
      expect(wrong).to.deep.equal([]);
      expect(read + refused).to.equal(cases);
      expect(slowestMs).to.be.below(2000);
      expect(peakMiB).to.be.below(256);
    });
  }
});
