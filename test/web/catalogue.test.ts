/** @file The catalogue of the page: every net, its counts, and where its accuracy comes from. */
import { expect } from 'chai';
import { catalogue } from '../../scripts/page/catalogue.ts';
import { pageDatasets } from '../../src/cli/web-data.ts';
import { cost } from '../../src/index.ts';
import { dataNames } from '../../src/web/catalogue.ts';
import { front } from '../../src/web/explore/measures.ts';
import { architectures, compose } from '../../zoo/architectures/index.ts';
import { studentNames } from '../../zoo/folders.ts';
import { readCard } from '../../zoo/students.ts';

describe('the catalogue of the page', () => {
  const { entries, source } = catalogue();
  const of = (kind: string) => entries.filter((entry) => entry.kind === kind);

  it('has every architecture and every student', () => {
    expect(of('architecture').map(({ id }) => id)).to.deep.equal([...architectures.keys()]);
    expect([...of('student'), ...of('teacher')].map(({ id }) => id).sort()).to.deep.equal(
      [...studentNames()].sort(),
    );
  });

  it('has the counts and accuracies of the cards', () => {
    for (const { id, params, macs, accuracy } of of('student')) {
      const card = readCard(id);
      expect([params, macs, accuracy], id).to.deep.equal([card.params, card.macs, card.accuracy]);
    }
  });

  it('has nets of datasets that the page trains on, and names for all', () => {
    const shipped = [...of('student'), ...of('teacher')].map(({ data }) => data);
    expect([...new Set(shipped)]).to.have.members([...pageDatasets]);
    for (const { id, data } of entries) if (data !== undefined) expect(dataNames, id).to.have.property(data);
  });

  it('has published accuracies at the size at which they were measured', () => {
    const net = entries.find(({ id }) => id === 'torchvision/mobilenet_v2');
    expect(net).to.include({ accuracy: 0.72154, words: 'mobilenet-v2', params: 3504872, macs: 300774272 });
    const large = entries.find(({ id }) => id === 'torchvision/efficientnet_b2');
    expect(large && cost(compose(large.words)).macs).to.equal(large?.macs);
    expect(source).to.match(/^torchvision \d/);
  });

  it('has a front of nets that no cheaper one beats', () => {
    const entry = (id: string) => ({ ...entries[0]!, id });
    const points = [
      { entry: entry('a'), x: 1, accuracy: 0.8 },
      { entry: entry('b'), x: 2, accuracy: 0.7 },
      { entry: entry('c'), x: 3, accuracy: 0.9 },
      { entry: entry('d'), x: 3, accuracy: 0.85 },
      { entry: entry('e'), x: 4, accuracy: 0.9 },
    ];
    expect([...front(points)]).to.deep.equal(['a', 'c']);
  });
});
