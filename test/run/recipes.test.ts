/** @file What recipes accept in short, what they refuse, and that the guide names every key and loss. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parsePlan } from '../../src/edit/index.ts';
import { UsageError } from '../../src/errors.ts';
import { lossKinds, parseRecipe, studentOf } from '../../src/run/index.ts';
import { findStudent, studentFolder } from '../../zoo/folders.ts';
import { loadNet, readCard, saveNet } from '../../zoo/index.ts';

const base = { data: 'mnist', student: 'wrn depth=10 size=28 channels=1', steps: 3 };
const guide = readFileSync('docs/guides/recipes.md', 'utf8');

describe('a recipe', () => {
  it('takes a number as a constant rate and the name of an optimizer, in stages too', () => {
    const { rate, optimizer } = parseRecipe({ ...base, rate: 0.05, optimizer: 'adam' });
    expect(rate).to.deep.equal({ kind: 'constant', peak: 0.05 });
    expect(optimizer).to.deep.include({ kind: 'adam', beta1: 0.9 });
    const { stages } = parseRecipe({
      ...base,
      stages: [{ steps: 1, rate: 0.1, optimizer: 'sgd' }, { steps: 2 }],
    });
    expect(stages?.map((s) => [s.rate?.kind, s.optimizer?.kind])).to.deep.equal([
      ['constant', 'sgd'],
      [undefined, undefined],
    ]);
    expect(parseRecipe(base).rate).to.deep.equal({ kind: 'one-cycle', peak: 0.1 });
  });

  it('refuses a cheap block for a student that has weights', () => {
    const recipe = parseRecipe({ ...base, student: 'mnist/lenet-5', block: 'G(4)' });
    expect(() => studentOf(recipe)).to.throw(UsageError, /^block: mnist\/lenet-5 has weights/);
  });

  for (const kind of [
    ...(['soft-targets', 'dkd', 'dist', 'logit-standardization', 'lwf', 'srd', 'crd'] as const),
    ...(['token-distillation', 'one', 'multi-teacher'] as const),
  ])
    it(`refuses a temperature of ${kind} that ends at 0, at its place in the file`, () => {
      const read = (temperature: unknown) => () =>
        parseRecipe(
          { ...base, teacher: 'a', teachers: { b: 'b' }, losses: [{ kind, temperature }] },
          'file.json',
          (path) => ` ${path.join('.')}`,
        );
      expect(read({ from: 4, to: 0 })).to.throw(
        UsageError,
        'file.json losses.0.temperature.to: losses[0].temperature.to: Too small: expected number to be >0',
      );
      expect(read(0)).to.throw(UsageError, 'losses[0].temperature: Too small: expected number to be >0');
      expect(read({ from: 4, to: 0.1 })).to.not.throw();
    });

  it('takes growth as steps, and says where a target cost can stand', () => {
    const { growth } = parseRecipe({ ...base, growth: [{ at: 1, plan: [{ deepen: 'stage1' }] }] });
    expect(growth?.map(({ plan }) => parsePlan(plan))).to.deep.equal([[{ deepen: 'stage1', by: 1 }]]);
    expect(() => parsePlan({ macs: 2 })).to.throw(
      UsageError,
      "plan: expects an array of steps such as [{ widen: { stage1: 'x1.5' } }], got { macs }; only grow, plan and fit in code take a target cost, and moonlet grow as --macs",
    );
    for (const key of ['widen', 'units'])
      expect(() => parsePlan([{ deepen: 'stage1' }, { [key]: {} }])).to.throw(
        UsageError,
        `plan: [1]: ${key}: names nothing that grows`,
      );
  });

  it('refuses numbers of an optimizer that divide by 0', () => {
    for (const name of ['beta1', 'beta2'])
      expect(() => parseRecipe({ ...base, optimizer: { kind: 'adam', [name]: 1 } })).to.throw(
        UsageError,
        `optimizer.${name}: Too big: expected number to be <1`,
      );
  });

  it('has its keys and losses in the guide', () => {
    let known: readonly string[] = [];
    try {
      parseRecipe({ ...base, zzz: 1 });
    } catch (e) {
      known = /Known: (.*)$/.exec(e instanceof Error ? e.message : '')?.[1]?.split(', ') ?? [];
    }
    expect(known).to.include('student');
    for (const key of known) expect(guide, key).to.include(`| \`${key}\` |`);
    for (const kind of lossKinds) expect(guide, kind).to.include(`| \`${kind}\` |`);
  });
});

describe('nets by name', () => {
  it('are found in the package when its recipes name them, whatever the working directory', () => {
    const here = process.cwd();
    const empty = mkdtempSync(join(tmpdir(), 'moonlet-empty-'));
    try {
      process.chdir(empty);
      expect(studentFolder('zoo/teachers/detector')).to.equal(join(here, 'zoo', 'teachers', 'detector'));
      expect(findStudent('zoo/teachers/parser').shipped).to.equal(false);
      expect(() => findStudent('zoo/other')).to.throw(UsageError, /^no student "zoo\/other"/);
    } finally {
      process.chdir(here);
      rmSync(empty, { recursive: true });
    }
  });

  it('have their cards read from a folder as from the package', () => {
    const folder = mkdtempSync(join(tmpdir(), 'moonlet-card-'));
    const card = readCard('mnist/lenet-5');
    saveNet(folder, loadNet('mnist/lenet-5'), card);
    expect(readCard(folder)).to.deep.equal(card);
    rmSync(folder, { recursive: true });
  });
});
