/** @file The register of methods: one entry for each of the survey's references. */
import { existsSync } from 'node:fs';
import { expect } from 'chai';
import { laterMethods, methods } from '../../../src/learn/distill/index.ts';
import { expectRefusal, moonlet } from '../../support/cli.ts';

const all = [...methods, ...laterMethods];

describe('the methods of the survey and after it', () => {
  it('are those of references 146 to 163, each once', () => {
    expect(methods.map((m) => m.ref)).to.deep.equal(Array.from({ length: 18 }, (_, i) => 146 + i));
    expect(new Set(methods.map((m) => m.id)).size).to.equal(18);
    for (const { id, year, authors, title } of methods) {
      expect(id).to.match(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(year).to.be.within(2006, 2018);
      expect(authors).to.not.equal('');
      expect(title).to.not.equal('');
    }
  });

  it('after it have other names, in the order of their years', () => {
    expect(new Set(all.map((m) => m.id)).size).to.equal(all.length);
    expect(laterMethods.map((m) => m.year)).to.deep.equal(laterMethods.map((m) => m.year).sort());
    for (const { id, ref, arxiv, authors } of laterMethods) {
      expect(id).to.match(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(ref).to.equal(undefined);
      if (arxiv !== undefined) expect(arxiv).to.match(/^\d{4}\.\d{5}$/);
      expect(authors).to.not.equal('');
    }
  });

  it('are listed by the command line, as JSON exactly these', async () => {
    const { stdout } = await moonlet('distill', '--list', '--json');
    expect(JSON.parse(stdout)).to.deep.equal(all);
    const lines = (await moonlet('distill', '--list')).stdout.trim().split('\n');
    expect(lines).to.have.length(1 + all.length + 2);
    expect(lines[8]).to.match(/^\[153\]\s+soft-targets\s+Hinton, Vinyals, Dean 2015\s+Distilling/);
  });

  it('are a file and a recipe each', () => {
    for (const { id } of all)
      for (const path of [`src/learn/distill/${id}.ts`, `zoo/recipes/${id}.json`])
        expect(existsSync(new URL(`../../../${path}`, import.meta.url)), path).to.equal(true);
  });

  it('need a recipe, an architecture or --list', () =>
    expectRefusal(
      ['distill'],
      2,
      'distill needs a recipe, an architecture with its options, --student <net>, or --list to see the methods',
    ));
});
