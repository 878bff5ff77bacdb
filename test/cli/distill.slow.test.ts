/** @file Recipes from files: the shipped ones are sound, and mistakes are said with their place before training starts. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { laterMethods, methods } from '../../src/learn/distill/index.ts';
import { parseRecipe } from '../../src/run/index.ts';
import { expectRefusal, moonlet, scratch } from '../support/cli.ts';

describe('distillation recipes', () => {
  const at = scratch();
  const base = {
    data: 'mnist',
    student: 'wrn depth=10 size=28 channels=1',
    teacher: 'mnist/wrn-16-1',
    steps: 2,
    batch: 16,
    limit: 100,
  };
  /** A student that is evaluated on 10,000 digits in half a second; its stages have the sizes of the teacher's. */
  const quick = 'igcv1 depth=8 partitions=4 size=28 channels=1 classes=10';
  const file = (name: string, change: object): string => {
    writeFileSync(at(name), JSON.stringify({ ...base, ...change }, null, 2));
    return at(name);
  };
  const refused = (name: string, change: object, code: 1 | 2, line: RegExp): Promise<void> =>
    expectRefusal(['distill', file(name, change), '--out', at(`${name}-out`)], code, line);

  it('are there for every method, each sound', () => {
    for (const { id } of [...methods, ...laterMethods]) {
      const path = `zoo/recipes/${id}.json`;
      expect(existsSync(path), path).to.equal(true);
      const recipe = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
      if (!('task' in recipe)) parseRecipe(recipe, path);
    }
  });

  it('an unknown loss, with line and column', () =>
    refused(
      'loss.json',
      { losses: [{ kind: 'hnits' }] },
      2,
      /loss\.json:\d+:\d+: losses\[0\].*: no loss "hnits"\. Did you mean "hints"\?/,
    ));
  it('a wrong tap', () =>
    refused(
      'tap.json',
      { losses: [{ kind: 'hints', pairs: [['stagee2', 'stage2']] }] },
      1,
      /no node at "stagee2"\. Did you mean "stage2"\?$/m,
    ));
  it('shapes that differ where no adapter is allowed', () =>
    refused(
      'shapes.json',
      { student: 'wrn depth=10 width=2 size=28 channels=1', losses: [{ kind: 'hints', adapt: false }] },
      1,
      /hints: the student's stage2\/0\/add \[14, 14, 64\] and the teacher's stage2\/1\/add \[14, 14, 32\] differ; .*"adapt": true/,
    ));
  it('a teacher that tells other classes apart', async () => {
    const folder = at('seven');
    const made = await moonlet(
      'fit',
      'lenet-5',
      'size=28',
      'channels=1',
      'classes=10',
      '--steps',
      '1',
      '--batch',
      '8',
      '--out',
      folder,
      '--json',
    );
    expect(made.code, made.stderr).to.equal(0);
    await refused(
      'classes.json',
      { student: 'wrn depth=10 size=28 channels=1 classes=7', teacher: folder },
      1,
      /has 7 classes, but mnist has 10/,
    );
  });
  it('text that is not JSON, with line and column', () => {
    writeFileSync(at('bad.json'), '{\n  "data": "mnist",\n  oops\n}\n');
    return expectRefusal(['distill', at('bad.json'), '--out', at('bad-out')], 2, /bad\.json:3:3: not JSON/);
  });

  it('run in stages, and say the adapters that they made', async () => {
    const path = file('run.json', {
      student: quick,
      steps: undefined,
      stages: [
        { name: 'hints', steps: 2, losses: [{ kind: 'hints' }] },
        { name: 'soft', steps: 2 },
      ],
    });
    const out = await moonlet('distill', path, '--out', at('run'), '--json');
    expect(out.code, out.stderr).to.equal(0);
    const result = JSON.parse(out.stdout) as { notes: string[]; steps: number };
    expect(result.steps).to.equal(4);
    expect(result.notes[0]).to.match(
      /^hints: stage2\/1\/act \[14, 14, 16\] -> stage2\/1\/add \[14, 14, 32\] by conv 1x1/,
    );
  });
  it('take a loss of the user from a file', async () => {
    writeFileSync(
      at('loss.mjs'),
      `export const still = ({ student }, tf) => ({ name: 'still', weight: 1, student: [student.outputs[0]],
        compute: (at) => tf.mean(tf.square(at.student(student.outputs[0]))) });`,
    );
    const path = file('custom.json', {
      student: quick,
      losses: [{ kind: 'custom', module: at('loss.mjs'), export: 'still' }],
    });
    const out = await moonlet('distill', path, '--out', at('custom'), '--json');
    expect(out.code, out.stderr).to.equal(0);
    const wrong = file('custom2.json', {
      losses: [{ kind: 'custom', module: at('loss.mjs'), export: 'stil' }],
    });
    await expectRefusal(['distill', wrong, '--out', at('custom2')], 2, /exports no function "stil"/);
  });
});
