/** @file Images that calibrate: batches without padding, cut so that large nets fit into memory. */
import { expect } from 'chai';
import { inParts } from '../../src/compress/arrays.ts';
import { compress, inputBatches, parseSteps } from '../../src/compress/index.ts';
import type { Unlabelled } from '../../src/data/index.ts';
import { graph, init, input } from '../../src/index.ts';
import { line } from '../support/refused.ts';

const images: Unlabelled = {
  ...{ name: 'photos', shape: [4, 4, 1], mean: 0.5, std: 0.25, count: 5 },
  pixels: Uint8Array.from({ length: 80 }, (_, i) => 3 * i),
};
const net = init(graph('tiny', input(4, 4, 1).conv(8, { kernel: 3 }).relu().globalPool().dense(3)), {
  seed: 1,
});

describe('images that calibrate', () => {
  it('come in batches of which none is filled up', () => {
    const batches = inputBatches(images, 2);
    expect(batches.map((x) => x.length)).to.deep.equal([32, 32, 16]);
    expect([...(batches[2] ?? [])].map((v) => Math.round((v * 0.25 + 0.5) * 255))).to.deep.equal([
      ...images.pixels.subarray(64),
    ]);
    expect(inputBatches(images, 100).map((x) => x.length)).to.deep.equal([80]);
  });

  it('are cut into parts whose values fit into memory', () => {
    const large = graph('large', input(1000, 1000, 3).conv(8, { kernel: 3 }).relu().globalPool().dense(3));
    const examples = new Float32Array(9 * 3_000_000);
    // an example keeps 3 + 8 million values, and 33.5 million fit
    expect(inParts(large, ['input', 'act'], [examples]).map((x) => x.length / 3_000_000)).to.deep.equal([
      3, 3, 3,
    ]);
    expect(
      inParts(net.graph, ['input', 'act'], [new Float32Array(800), new Float32Array(16)]),
    ).to.have.length(2);
  });

  it('need no labels, but for training', async () => {
    const { rows, net: rounded } = await compress(net, parseSteps('quantize=8'), {
      calibration: images,
      runs: 0,
    });
    expect(rows.map((row) => row.accuracy)).to.deep.equal([null, null]);
    const first = rounded.graph.nodes.find((n) => n.id === 'input/quantize')?.op;
    // (0 / 255 - 0.5) / 0.25 to (237 / 255 - 0.5) / 0.25
    expect(first?.kind === 'quantize' && first.scale * 255).to.be.closeTo(237 / 255 / 0.25, 1e-5);
    expect(await line(() => compress(net, parseSteps('fit=5'), { calibration: images, runs: 0 }))).to.equal(
      'fit=5 needs images with labels, to train; put pictures into a folder for each class',
    );
  });
});
