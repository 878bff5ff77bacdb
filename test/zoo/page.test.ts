/** @file docs/zoo.md says of every architecture what it costs now. */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { cost } from '../../src/read/index.ts';
import { architectures } from '../../zoo/index.ts';

describe('docs/zoo.md', () => {
  const rows = readFileSync(new URL('../../docs/zoo.md', import.meta.url), 'utf8')
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()));

  for (const [name, make] of architectures) {
    it(`has the counts of ${name}`, () => {
      const { params, normStats, macs } = cost(make());
      const row = rows.find((cells) => cells[1] === `\`${name}\``);
      const counts = [params, normStats, macs].map((n) => n.toLocaleString('en'));
      expect(row?.slice(4, 7)).to.deep.equal(counts); // else run npm run docs -- zoo
    });
  }
});
