/** @file A teacher's outputs are computed once for all trials, and do not depend on which trial came first. */
import { readdirSync, statSync } from 'node:fs';
import { expect } from 'chai';
import { architectures, saveNet } from '../../zoo/index.ts';
import { coster, parseSpace, runTrial, type TrialSpec } from '../../src/sweep/index.ts';
import { folderStore } from '../../src/sweep/store.ts';
import { scratch } from '../support/cli.ts';
import { shaken } from '../support/nets.ts';
import { tinyData, tinySpace } from '../support/sweeping.ts';

const folder = scratch();

describe('the outputs of a teacher', () => {
  it('are shared by trials of other rates and seeds, which then give the same as alone', async () => {
    const data = tinyData(folder('data'));
    const snn = architectures.get('snn');
    if (!snn) throw new Error('no snn');
    saveNet(folder('teacher'), shaken(snn({ bottleneck: 0, units: 6, size: 8, classes: 4 })));
    const usual = tinySpace(data);
    const space = parseSpace({
      ...usual,
      recipe: { ...usual.recipe, teacher: folder('teacher'), views: 2, augment: { shift: 1 } },
    });
    const spec = (trial: number): TrialSpec => {
      const values = { 'student.units': 8, 'rate.kind': 'constant', 'rate.peak': 0.01 * (1 + trial) };
      const costs = coster(undefined)(space, values);
      if (typeof costs === 'string') throw new Error(costs);
      return { base: space, trial, values, costs };
    };
    const file = (store: string): string =>
      folder(store, 'teachers', readdirSync(folder(store, 'teachers'))[0] ?? '');
    const [one, two] = [folderStore(folder('one')), folderStore(folder('two'))];
    const first = await runTrial(spec(0), one);
    const written = statSync(file('one')).mtimeMs;
    const second = await runTrial(spec(1), one);
    expect(readdirSync(folder('one', 'teachers')).length).to.equal(1);
    expect(statSync(file('one')).mtimeMs).to.equal(written);
    expect(await runTrial(spec(1), two)).to.deep.equal(second);
    expect(await runTrial(spec(0), two)).to.deep.equal(first);
    expect(first?.ok).to.equal(true);
  });
});
