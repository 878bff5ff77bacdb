/** @file Parts of a net, and nodes by paths, ranges of parts and wildcards. */
import { expect } from 'chai';
import { nodesAt, parts, select } from '../../src/graph/index.ts';
import { type Flow, graph, input } from '../../src/index.ts';
import { architectures, compose } from '../../zoo/architectures/index.ts';
import { line } from '../support/refused.ts';

const unit = (x: Flow<'map'>) => x.conv(4).norm();
const net = graph(
  'net',
  input(8, 8, 3)
    .pipe('stem', (x) => x.conv(4, { kernel: 3 }).norm().relu())
    .pipe('stage1/0', unit)
    .pipe('stage1/1', unit)
    .pipe('transition', (x) => x.conv(6, { stride: 2 }))
    .pipe('stage2', (x) => x.conv(6).norm())
    .pipe('head', (x) => x.globalPool().dense(5)),
);
const names = (paths: readonly string[]): readonly string[] => [...nodesAt(net, paths, 'freeze')];

describe('parts', () => {
  it('are the stem, the stages with what follows them, and the head, in order', () => {
    expect(parts(net).map((p) => [p.name, p.nodes.length])).to.deep.equal([
      ['stem', 3],
      ['stage1', 5],
      ['stage2', 2],
      ['head', 2],
    ]);
  });

  it('hold every node of every architecture once, inputs left out', () => {
    for (const name of architectures.keys()) {
      const whole = compose(name);
      const all = parts(whole);
      if (!all.length) continue;
      const ids = all.flatMap((p) => p.nodes.map((n) => n.id));
      expect([...ids].sort(), name).to.deep.equal(
        whole.nodes.flatMap((n) => (n.op.kind === 'input' ? [] : [n.id])).sort(),
      );
      expect(all.at(-1)?.name, name).to.equal('head');
    }
  });
});

describe('nodesAt', () => {
  it('takes parts, ranges of parts, paths with all below, and wildcards', () => {
    expect(names(['stem'])).to.deep.equal(select(net).under('stem').ids);
    expect(names(['stage1..stage2'])).to.have.length(7);
    expect(names(['stem..head'])).to.have.length(12);
    expect(names(['stage1/1'])).to.deep.equal(['stage1/1/conv', 'stage1/1/norm']);
    expect(names(['**/norm'])).to.have.length(4);
    expect(names(['stem/conv', 'head/dense'])).to.deep.equal(['stem/conv', 'head/dense']);
  });

  it('refuses what means nothing, with the nearest', async () => {
    expect(await line(() => names(['stagee1']))).to.equal(
      'net: no node at "stagee1". Did you mean "stage1"?',
    );
    expect(await line(() => names(['stage2..stage1']))).to.equal(
      'freeze: "stage2..stage1" is no range of parts of net; its parts in order are stem, stage1, stage2, head',
    );
    expect(await line(() => names(['**/gelu']))).to.equal('freeze: no node of net is at "**/gelu"');
  });
});
