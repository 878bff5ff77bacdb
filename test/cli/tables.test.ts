/** @file Tables of the command line: within the width of the terminal, numbers for people. */
import { expect } from 'chai';
import { rounded } from '../../src/cli/say.ts';
import { tableOf } from '../../src/cli/tables.ts';

const rows = [
  ['step', 'params', 'meaning'],
  ['first', '1,234', 'a text that is longer than what a narrow terminal has room for and in several words'],
  ['second/with/a/long/path', '7', 'short'],
];

describe('a table', () => {
  it('is as wide as its texts where there is no terminal', () => {
    expect(tableOf(rows, [1], undefined).split('\n')).to.have.length(3);
  });

  it('wraps its texts between words where it is wider than the terminal, and its numbers never', () => {
    for (const width of [80, 60, 40]) {
      const lines = tableOf(rows, [1], width).split('\n');
      for (const line of lines) expect(line.length, line).to.be.at.most(width);
      expect(lines.join('\n')).to.include('1,234');
      const words = lines.slice(1).flatMap((line) => line.trim().split(/\s+/));
      for (const word of 'a text that is longer than what a narrow terminal has room for'.split(' '))
        expect(words, word).to.include(word);
    }
  });

  it('keeps all of a word that is longer than its column', () => {
    const lines = tableOf([['name'], ['x'.repeat(100)]], [], 30).split('\n');
    expect(lines.slice(1).join('')).to.equal('x'.repeat(100));
    expect(Math.max(...lines.map((line) => line.length))).to.equal(30);
  });
});

describe('a rounded number', () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, '0'],
    [999, '999'],
    [1000, '1.00 k'],
    [34_112, '34.1 k'],
    [300_774_272, '301 M'],
    [999_600, '1.00 M'],
    [3_504_872, '3.50 M'],
    [1.5e18, '1500 P'],
  ];
  for (const [n, text] of cases) it(`${n} is ${text}`, () => expect(rounded(n)).to.equal(text));
});
