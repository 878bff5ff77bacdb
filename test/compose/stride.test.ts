/** @file `stride`: nets made for large images keep maps that small ones can fill. */
import { expect } from 'chai';
import { UsageError } from '../../src/errors.ts';
import { isMap, shapes } from '../../src/graph/index.ts';
import { cost } from '../../src/read/index.ts';
import { compose } from '../../zoo/index.ts';
import { messageOf } from '../support/errors.ts';

const small = 'width=0.25 classes=10 size=32 channels=1';
/** Height of the last map before the classifier. */
const lastMap = (words: string): number => {
  const graph = compose(words);
  const all = shapes(graph);
  const maps = graph.nodes.filter((n) => n.op.kind !== 'globalPool' && isMap(all.get(n.id) ?? [0]));
  return all.get(maps.at(-1)?.id ?? '')?.[0] as number;
};

for (const name of ['mobilenet-v2', 'shufflenet-v2', 'ghostnet']) {
  describe(`${name} with stride`, () => {
    it('ends in a map of size / stride', () => {
      for (const stride of [4, 8, 16, 32])
        expect(lastMap(`${name} ${small} stride=${stride}`)).to.equal(32 / stride);
    });
    it('has the same parameters at each stride of at least 8, and is named by it', () => {
      const params = [8, 16, 32].map((stride) => cost(compose(`${name} ${small} stride=${stride}`)).params);
      expect(new Set(params).size).to.be.at.most(name === 'ghostnet' ? 2 : 1);
      expect(compose(`${name} stride=8`).name).to.equal(`${name} stride=8`);
    });
    it('refuses what is no power of two from 4 to 32', () => {
      expect(messageOf(() => compose(`${name} stride=6`), UsageError)).to.equal(
        `${name}: stride must be 4, 8, 16 or 32, got 6`,
      );
    });
  });
}

describe('a block with a stride', () => {
  it('adds no shortcut where its maps of one pixel keep their shape, as in timm and torchvision', () => {
    // the stem leaves one pixel of 16 channels, and the first block has stride 2 and 16 channels
    const ids = (words: string): readonly string[] => compose(words).nodes.map(({ id }) => id);
    expect(ids('mobilenet-v3-small size=2')).to.not.include('stage1/0/add');
    expect(ids('mobilenet-v3-small size=2')).to.include('stage2/1/add');
  });
});
