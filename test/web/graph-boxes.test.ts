/** @file The page's graph: parts that are closed are one box, and all costs are in some box. */
import { expect } from 'chai';
import { cost } from '../../src/index.ts';
import { boxesOf, outlineOf } from '../../src/web/parts/graph/boxes.ts';
import { placed } from '../../src/web/parts/graph/place.ts';
import { compose } from '../../zoo/architectures/index.ts';

describe('boxes of a graph', () => {
  const graph = compose('wrn depth=16 width=1');
  const outline = outlineOf(graph);
  const sum = (boxes: ReturnType<typeof boxesOf>['boxes'], key: 'params' | 'macs'): number =>
    boxes.reduce((n, box) => n + box[key], 0);

  it('show the parts at first, in order', () => {
    const { boxes, edges } = boxesOf(outline, new Set());
    expect(boxes.map((box) => box.path ?? box.id)).to.deep.equal([
      'input',
      'stem/conv',
      'stage1',
      'stage2',
      'stage3',
      'head',
    ]);
    expect(edges).to.deep.include(['stage1/', 'stage2/']);
    expect(boxes[2]?.shape).to.deep.equal([32, 32, 16]);
  });

  it('have the costs of the whole net, however many parts are open', () => {
    const { params, macs } = cost(graph);
    for (const open of [[], ['stage1'], ['stage1', 'stage1/0', 'head'], outline.parts]) {
      const { boxes } = boxesOf(outline, new Set(open));
      expect([sum(boxes, 'params'), sum(boxes, 'macs')]).to.deep.equal([params, macs]);
    }
  });

  it('frame what is open, and stand apart', () => {
    const open = boxesOf(outline, new Set(['stage1', 'stage1/0']));
    expect(open.frames.map(({ path }) => path)).to.deep.equal(['stage1', 'stage1/0']);
    const { places, frames } = placed(open, 'TB');
    const spots = [...places.values()].map(({ x, y }) => `${x},${y}`);
    expect(new Set(spots).size).to.equal(open.boxes.length);
    const [outer, inner] = frames;
    expect(outer && inner && outer.x < inner.x && outer.width > inner.width).to.equal(true);
  });

  it('take a net that names no stages by where its maps get smaller', () => {
    const { boxes } = boxesOf(outlineOf(compose('lenet-5')), new Set());
    expect(boxes.length).to.be.greaterThan(2);
  });
});
