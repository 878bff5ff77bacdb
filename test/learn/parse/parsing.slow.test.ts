/** @file Scene parsing: measures by hand, targets on the grid, learning, law 6, refusals. */

import { expect } from 'chai';
import {
  loadDataset,
  makeScene,
  type Scene,
  type Split,
  scenes,
  segmentation,
} from '../../../src/data/index.ts';
import { MoonletError } from '../../../src/errors.ts';
import { parsingLoss } from '../../../src/learn/distill/index.ts';
import { evaluateParser, pairs, parsing } from '../../../src/learn/task/index.ts';
import {
  confusionOf,
  countPixels,
  denseLabels,
  depthScale,
  depthScore,
  parserLayout,
  segmentationScore,
} from '../../../src/learn/task/parse/index.ts';
import { sceneInput } from '../../../src/learn/task/scene-input.ts';
import { adam, fitTask } from '../../../src/learn/train/index.ts';
import { init } from '../../../src/weights/index.ts';
import { detector, padNet, parser } from '../../../zoo/architectures/index.ts';
import { expectTaskStepAgrees } from '../../support/task-steps.ts';

describe('measures of dense predictions', () => {
  it('intersection over union by hand', () => {
    const confusion = confusionOf(4);
    countPixels(confusion, [0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 2, 2]);
    const { miou, iou, pixelAccuracy } = segmentationScore(confusion);
    expect(iou).to.deep.equal([2 / 3, 1 / 3, 1 / 2, undefined]);
    expect(miou).to.be.closeTo((2 / 3 + 1 / 3 + 1 / 2) / 3, 1e-12);
    expect(pixelAccuracy).to.be.closeTo(4 / 6, 1e-12);
  });
  it('count over all images, not image by image', () => {
    const confusion = confusionOf(2);
    countPixels(confusion, [1], [1]);
    countPixels(confusion, [1, 1, 1], [0, 0, 1]);
    expect(segmentationScore(confusion).iou).to.deep.equal([0, 0.5]);
  });
  it('errors of depth by hand', () => {
    const { rmse, relative, delta1 } = depthScore([1, 2, 4], [1, 1, 5]);
    expect(rmse).to.be.closeTo(Math.sqrt(2 / 3), 1e-12);
    expect(relative).to.be.closeTo((0 + 1 + 0.2) / 3, 1e-12);
    expect(delta1).to.be.closeTo(1 / 3, 1e-12); // 5 / 4 is not below 1.25
  });
});

describe('scene parsing', () => {
  const small = parser({ width: 2, depth: 1, size: 32 });
  let clothes: Split;
  before(async () => {
    clothes = (await loadDataset('fashion-mnist', { source: 'package' })).test;
  });
  const few = (count: number) => scenes(clothes, count, { size: 32, objects: [1, 2] });

  it('labels cells by their first pixel, and contours by any', () => {
    const scene: Scene = makeScene(clothes, 0, { size: 32 });
    const { segmentation: classes, depth, contour } = denseLabels(scene, 16);
    const all = segmentation(scene);
    for (let i = 0; i < 256; i++) {
      const at = 2 * Math.floor(i / 16) * 32 + 2 * (i % 16);
      expect(classes[i]).to.equal(all[at]);
      expect(depth[i]).to.be.closeTo((scene.depth[at] as number) / 255, 1e-6);
      const owners = new Set([at, at + 1, at + 32, at + 33].map((k) => scene.owner[k]));
      if (owners.size > 1) expect(contour[i]).to.equal(1);
    }
  });
  it('has targets that go with the scenes of its batches', () => {
    const task = parsing(small, few(4), { classes: 10, modality: 'depth' });
    const { x, images, targets } = task.batches({ batch: 2, seed: 1 })(0);
    images.forEach((image, i) => {
      const scene = few(4).at(image);
      expect([...x.subarray(i * 1024, (i + 1) * 1024)]).to.deep.equal([...sceneInput(scene, 'depth')]);
      const labels = denseLabels(scene, 16);
      expect([...(targets['segmentation'] as Int32Array).subarray(i * 256, (i + 1) * 256)]).to.deep.equal([
        ...labels.segmentation,
      ]);
      const depth = (targets['depth'] as Float32Array)[i * 256] as number;
      expect(depth * depthScale.deviation + depthScale.mean).to.be.closeTo(labels.depth[0] as number, 1e-6);
    });
  });
  for (const [heads, graph] of [
    ['one head', small],
    ['five', padNet({ width: 2, depth: 1, size: 32 })],
  ] as const)
    it(`law 6, with ${heads}`, () =>
      expectTaskStepAgrees(init(graph, { seed: 1 }), parsing(graph, few(2), { classes: 10 }), {
        losses: [parsingLoss({ classes: 10 })],
      }));
  it('learns to tell what is where', async () => {
    const graph = padNet({ width: 3, depth: 1, size: 32 });
    const task = parsing(graph, few(8), { classes: 10 });
    const before = await evaluateParser(init(graph, { seed: 1 }), few(8), { classes: 10 });
    const { net } = await fitTask(init(graph, { seed: 1 }), task, {
      steps: 120,
      batch: 8,
      losses: [parsingLoss({ classes: 10 })],
      optimizer: adam(),
      rate: 0.01,
    });
    const after = await evaluateParser(net, few(8), { classes: 10 });
    expect(after.n).to.equal(8);
    expect(after.miou).to.be.above(2 * before.miou);
    expect(after.pixelAccuracy).to.be.above(0.85);
    expect(after.depth?.rmse).to.be.below(before.depth?.rmse as number);
  });
  it('pairs show the same scenes to both, and hold no labels', () => {
    const task = pairs(small, few(4), { from: 'intensity', to: 'edges' });
    const { x, teacherX, images, targets } = task.batches({ batch: 1, seed: 2 })(0);
    const scene = few(4).at(images[0] as number);
    expect([...x]).to.deep.equal([...sceneInput(scene, 'edges')]);
    expect([...(teacherX ?? [])]).to.deep.equal([...sceneInput(scene, 'intensity')]);
    expect([targets, task.targets]).to.deep.equal([{}, {}]);
  });
  it('refuses graphs that are none, other classes, other sizes', () => {
    expect(() => parserLayout(detector(), 10)).to.throw(
      MoonletError,
      'detector: is no parser of scenes: it needs outputs head/segmentation, and others under head or first; compose one with parser or pad-net',
    );
    expect(() => parserLayout(parser(), 7)).to.throw(
      MoonletError,
      'parser: has 10 classes, but the scenes have 7; compose it with classes=7',
    );
    for (const make of [
      () => parsing(parser(), few(1), { classes: 10 }),
      () => pairs(parser(), few(1), { from: 'depth', to: 'edges' }),
    ])
      expect(make).to.throw(
        MoonletError,
        'parser: takes 64 pixels, and the scenes have 32; compose it with size=32',
      );
  });
});
