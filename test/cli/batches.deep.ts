/** @file fit and distill by the command line at every batch from 1 to 70, and at 100 and 127. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { moonlet } from '../support/cli.ts';

const batches = [...Array.from({ length: 70 }, (_, i) => i + 1), 100, 127];
/** Of equal logits for every class: what soft targets at temperature 4 (of weight 0.9) and labels (0.1) cost at most then. */
const most = { fit: 20, distill: (0.9 * 4 ** 2 + 0.1) * Math.log(10) } as const;
const net = ['wrn', 'size=28', 'channels=1', '--data', 'mnist', '--steps', '2', '--json'];

describe('a run of two steps at any batch', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'moonlet-batches-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const batch of batches) {
    for (const command of ['fit', 'distill'] as const) {
      it(`${command} --batch ${batch}`, async () => {
        const teacher = command === 'distill' ? ['--teacher', 'mnist/wrn-16-1-bg4m'] : [];
        const out = join(folder, `${command}-${batch}`);
        const { code, stdout, stderr } = await moonlet(
          command,
          ...net,
          ...['--batch', String(batch), '--out', out],
          ...teacher,
        );
        expect(code, stderr).to.equal(0);
        const { finalLoss } = JSON.parse(stdout) as { finalLoss: number };
        expect(finalLoss).to.be.within(0, most[command]);
      });
    }
  }
});
