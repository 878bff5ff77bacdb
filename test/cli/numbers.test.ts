/** @file Every option with a number: what is out of range is wrong usage, said in one line before any work. */
import { existsSync } from 'node:fs';
import { expect } from 'chai';
import { init } from '../../src/weights/index.ts';
import { compose, saveNet } from '../../zoo/index.ts';
import { expectRefusal, scratch } from '../support/cli.ts';

const at = scratch();
const out = at('out');
const student = at('student');
const arch = ['lenet-5', 'size=28'];
const fit = ['fit', ...arch, '--out', out];
const distill = ['distill', ...arch, '--teacher', student, '--out', out];
const compress = ['compress', student, '--out', out];
const halved = [...compress, '--steps', 'half'];
const grow = ['grow', student, '--out', out];
const pull = ['pull', 'mnist/wrn-16-1', '--to', out];

const noWhole = ['-1', '1.5', 'NaN', 'Infinity', '1e99', '', 'many', '0x10'];
const noNumber = ['-1', 'NaN', 'Infinity', '1e999', '', 'many'];

/** The command without the option, the option, what its message says it must be, and values that it is not. */
const options: readonly (readonly [
  words: readonly string[],
  name: string,
  must: string,
  wrong: readonly string[],
])[] = [
  [['cost', ...arch, '--mcu'], 'patches', 'a whole number from 1 to 64', ['0', '65', ...noWhole]],
  [fit, 'steps', 'a whole number from 1 to 100000000', ['0', '100000001', ...noWhole]],
  [fit, 'batch', 'a whole number from 1 to 4096', ['0', '4097', ...noWhole]],
  [fit, 'seed', 'a whole number from 0 up', noWhole],
  [fit, 'rate', 'a number', ['NaN', 'Infinity', '', 'fast']],
  [fit, 'rate', 'a number above 0 and up to 1000000', ['0', '-0.1', '1e7', '1e999']],
  [fit, 'checkpoint-every', 'a whole number from 1 to 100000000', ['0', ...noWhole]],
  [
    fit,
    'threads',
    'a whole number from 1 to 1024',
    ['0', '1025', ...noWhole.filter((text) => text !== '0x10')],
  ],
  [distill, 'temperature', 'a number above 0 and up to 1000000', ['0', '-4', '1e7']],
  [distill, 'alpha', 'a fraction from 0 to 1', ['1.01', ...noNumber]],
  [distill, 'attention', 'a number from 0 to 1000000000', ['-1', '1e10']],
  [halved, 'seed', 'a whole number from 0 up', noWhole],
  [halved, 'runs', 'a whole number from 0 to 100000', ['100001', ...noWhole]],
  [compress, 'max-bytes', 'a whole number from 0 up', noWhole],
  [compress, 'max-macs', 'a whole number from 0 up', noWhole],
  [compress, 'max-drop', 'a fraction from 0 to 1', ['2', ...noNumber]],
  [[...compress, '--max-bytes', '9'], 'tune', 'a whole number from 1 to 100000000', ['0', ...noWhole]],
  [[...grow, '--deepen', 'stage1=1'], 'seed', 'a whole number from 0 up', noWhole],
  [grow, 'macs', 'a ratio above 1', ['1', '0', ...noNumber]],
  [grow, 'macs', 'a ratio above 1 and up to 1000', ['1001', '1e300']],
  [['eval', student], 'threads', 'a whole number from 1 to 1024', ['0', '1025', '-1', '1.5', 'NaN']],
  [pull, 'least-pace', 'a whole number from 0 to 1000000000', ['2e9', ...noWhole]],
  [pull, 'timeout', 'a number above 0 and up to 2000000', ['0', '-1', '1e9']],
];

describe('a number out of range', () => {
  before(() => saveNet(student, init(compose(arch))));

  for (const [words, name, must, wrong] of options)
    it(`${words[0]} --${name} that is not ${must}`, async () => {
      for (const text of wrong)
        await expectRefusal([...words, `--${name}=${text}`], 2, `--${name} must be ${must}, got "${text}"`);
      // a word of its own that begins with a dash is the option's too
      if (wrong.includes('-1'))
        await expectRefusal([...words, `--${name}`, '-1'], 2, `--${name} must be ${must}, got "-1"`);
      expect(existsSync(out)).to.equal(false);
    });

  for (const [flag, text, line] of [
    ['--widen', 'stage1=0', /width/],
    ['--widen', 'stage1=-8', /width/],
    ['--widen', 'stage1=1.5', /width/],
    ['--widen', 'stage1=NaN', /width/],
    ['--widen', 'stage1=xNaN', /width/],
    ['--units', 'stage1=x-2', /width/],
    ['--deepen', 'stage1=0', /a whole number from 1 to 9999/],
    ['--deepen', 'stage1=-1', /a whole number from 1 to 9999/],
    ['--enlarge', 'stage1=2.5', /a whole number from 1 to 9999/],
  ] as const)
    it(`grow ${flag} ${text}`, () => expectRefusal([...grow, flag, text], 2, line));

  for (const word of ['size=-1', 'size=0', 'size=1.5', 'size=NaN', 'size=5000', 'classes=-1', 'classes=0'])
    it(`cost lenet-5 ${word}`, () =>
      expectRefusal(['cost', 'lenet-5', word], 2, /^moonlet: lenet-5: \w+ must be a whole number from 1 /));
});
