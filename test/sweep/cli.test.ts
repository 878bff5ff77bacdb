/** @file `moonlet sweep` and `moonlet worker` as a person meets them, where they refuse. */
import { writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { redacted, withoutPassword } from '../../src/sweep/database.ts';
import { expectRefusal, moonlet, scratch } from '../support/cli.ts';

const folder = scratch();

describe('moonlet sweep', () => {
  it('refuses what is no space and no action', async () => {
    await expectRefusal(
      ['sweep', 'repport', 'x'],
      2,
      'no space and no action "repport"; a space is a .json file, actions are report, watch, stop, kill, remove, list',
    );
    await expectRefusal(
      ['sweep', 'report'],
      2,
      'sweep report needs a sweep: its folder, or with --queue its name',
    );
    await expectRefusal(
      ['sweep', 'kill', folder('a'), '1', '2'],
      2,
      'unexpected argument "2" after sweep kill',
    );
    await expectRefusal(
      ['sweep', 'report', folder('none')],
      2,
      `${folder('none')}: no sweep is there; give its output folder, or --queue and its name`,
    );
    await expectRefusal(
      ['sweep', 'list'],
      2,
      'sweep list needs --queue; without a queue each folder has one sweep',
    );
  });

  it('refuses a wrong space with its place, and flags that do not go together', async () => {
    const file = folder('space.json');
    writeFileSync(file, '{\n  "recipe": {},\n  "spce": {}\n}');
    await expectRefusal(['sweep', file], 2, /space\.json:\d+:\d+: /);
    const recipe = { data: 'mnist', student: 'snn', steps: 1, validation: 10 };
    writeFileSync(file, JSON.stringify({ recipe, space: {} }));
    await expectRefusal(
      ['sweep', file, '--queue', 'postgres://localhost/x'],
      2,
      '--queue needs --store, a folder that all workers see or s3://bucket/prefix',
    );
    await expectRefusal(
      ['sweep', file, '--sampler', 'best'],
      2,
      /^moonlet: --sampler must be one of grid, random/,
    );
    await expectRefusal(
      ['sweep', file, '--trials', '0'],
      2,
      /^moonlet: --trials must be a whole number from 1/,
    );
  });

  it('has help that names every action', async () => {
    const { code, stdout } = await moonlet('sweep', '--help');
    expect(code).to.equal(0);
    for (const word of ['report', 'watch', 'stop', 'kill', 'remove', 'list', '--queue', '--html'])
      expect(stdout).to.contain(word);
  });
});

describe('moonlet worker', () => {
  it('needs a queue, and says when it cannot be reached, without the password', async () => {
    await expectRefusal(['worker'], 2, 'worker needs the queue: --queue postgres://user@host/database');
    const url = 'postgres://me:hidden-word@127.0.0.1:1/db';
    const { code, stderr } = await moonlet('worker', '--queue', url, '--patience', '0');
    expect(code).to.equal(1);
    expect(stderr).to.match(
      /postgres:\/\/me@127\.0\.0\.1:1\/db: .*ECONNREFUSED.*; check the URL of the queue/,
    );
    expect(stderr).not.to.contain('hidden-word');
    await expectRefusal(
      ['worker', '--queue', 'mysql://me:hidden-word@host/db'],
      2,
      /got "mysql:\/\/me@host\/db"$/m,
    );
  });

  it('never shows a password, wherever it stands', () => {
    expect(withoutPassword('postgres://a:b%40c@h:5/d?password=x')).to.equal('postgres://a@h:5/d');
    expect(redacted('no b@c and no b%40c', 'postgres://a:b%40c@h/d')).to.equal('no *** and no ***');
    expect(redacted('failed: xyz', 'postgres://a@h/d?password=xyz')).to.equal('failed: ***');
    expect(withoutPassword('not a url')).to.equal('the database');
  });
});
