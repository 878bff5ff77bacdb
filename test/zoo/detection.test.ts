/** @file SSD-Lite: counts, outputs and boxes of torchvision's, its head on any backbone, and what is refused. */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { compile } from '../../src/engine/index.ts';
import { MoonletError, UsageError } from '../../src/errors.ts';
import { inputShape, shapes } from '../../src/graph/index.ts';
import { fromOnnx, importWeights } from '../../src/import/index.ts';
import { ssdAnchors, ssdDetections } from '../../src/learn/task/detect/index.ts';
import { cost } from '../../src/read/index.ts';
import { toOnnx } from '../../src/read/onnx.ts';
import { init } from '../../src/weights/index.ts';
import { compose, detectionArchitectures, withSsdLite } from '../../zoo/architectures/index.ts';
import { messageOf } from '../support/errors.ts';
import { expectLaw1, expectLaw2, numbered } from '../support/laws.ts';
import { largestDifference, shaken, sizeOf } from '../support/nets.ts';
import { referenceFile } from '../support/reference-files.ts';
import { referenceImages } from '../support/reference-fill.ts';

const golden = JSON.parse(readFileSync(new URL('reference/ssdlite.json', import.meta.url), 'utf8')) as {
  readonly counts: { readonly params: number; readonly macs: number; readonly normStats: number };
  readonly net: string;
  readonly by: string;
  readonly source: string;
  readonly tensors: Readonly<Record<string, readonly number[] | number>>;
  readonly step: number;
  readonly classes: readonly number[];
  readonly offsets: readonly number[];
  readonly detections: number;
  readonly boxes: readonly number[];
  readonly labels: readonly number[];
  readonly scores: readonly number[];
};

describe('ssdlite-mobilenet-v3-large', () => {
  it("has torchvision's counts", () => {
    const { params, macs, normStats } = cost(compose('ssdlite-mobilenet-v3-large'));
    expect({ params, macs, normStats }).to.deep.equal(golden.counts);
    expect(compose('torchvision/ssdlite320_mobilenet_v3_large').name).to.equal('ssdlite-mobilenet-v3-large');
    expect([...detectionArchitectures.keys()]).to.deep.equal(['ssdlite-mobilenet-v3-large']);
  });

  it("imports torchvision's weights, and gives its logits, offsets and boxes", async () => {
    const file = referenceFile({ ...golden, preprocessing: {}, logits: [] });
    const graph = compose(golden.net);
    const { net, hint } = importWeights(graph, file, 'ssdlite.pth', { source: golden.source });
    if (!net) throw new Error(hint);
    const compiled = await compile(net);
    const values = await compiled.run(referenceImages(sizeOf(inputShape(graph))));
    await compiled.release();
    const sampled = (which: number): Float32Array => {
      const whole = graph.outputs.flatMap((id, i) => (i % 2 === which ? [...(values.get(id) ?? [])] : []));
      return Float32Array.from(whole.filter((_, i) => i % golden.step === 0));
    };
    expect(largestDifference(sampled(0), Float32Array.from(golden.classes))).to.be.below(1e-5);
    expect(largestDifference(sampled(1), Float32Array.from(golden.offsets))).to.be.below(1e-5);
    const found = ssdDetections(net.graph, values);
    expect(found).to.have.length(golden.detections);
    const first = found.slice(0, golden.labels.length);
    expect(first.map((d) => d.label)).to.deep.equal(golden.labels);
    const scores = Float32Array.from(first, (d) => d.score);
    expect(largestDifference(scores, Float32Array.from(golden.scores))).to.be.below(1e-5);
    const boxes = first.flatMap(({ box: [top, left, bottom, right] }) => [left, top, right, bottom]);
    expect(largestDifference(Float32Array.from(boxes), Float32Array.from(golden.boxes))).to.be.below(1e-5);
  });

  it('is held to laws 1 and 2, and comes back from ONNX at the same cost', () => {
    const small = compose('ssdlite-mobilenet-v3-large width=0.25 size=40x56 classes=4');
    expectLaw1(small);
    expectLaw2(numbered(small));
    const { params, macs } = cost(fromOnnx(toOnnx(shaken(small))).graph);
    expect([params, macs]).to.deep.equal([cost(small).params, cost(small).macs]);
  });
});

describe('withSsdLite', () => {
  for (const backbone of [
    'mobilenet-v2 width=0.35 size=64',
    'resnet-18 size=96x64',
    'ghostnet width=0.5 size=64',
    'shufflenet-v2 width=0.5 size=64',
    'test-efficientnet size=64',
    'mobilenet-v4-conv-small width=0.35 size=64',
  ]) {
    it(`${backbone}: reads the last map and one of twice its size`, () => {
      const [graph, detector] = [
        compose(backbone),
        withSsdLite(compose(backbone), { classes: 5, anchors: 4 }),
      ];
      const sides = detector.outputs.map((id) => shapes(detector).get(id)?.slice(0, 2));
      const [rows = 0, columns = 0] = inputShape(graph);
      const expected = [16, 32, 64, 128, 256, 512].map((n) => [Math.ceil(rows / n), Math.ceil(columns / n)]);
      expect(sides).to.deep.equal(expected.flatMap((side) => [side, side]));
      const kept = new Set(graph.nodes.map((n) => JSON.stringify(n)));
      const own = detector.nodes.filter((n) => !n.id.startsWith('head/'));
      expect(own.filter((n) => !kept.has(JSON.stringify(n)))).to.deep.equal([]);
      expect(ssdAnchors(detector, { ratios: [2] })).to.have.length(
        4 * expected.reduce((n, [h = 0, w = 0]) => n + h * w, 0),
      );
    });
  }

  it('finds its boxes after it was composed by hand', async () => {
    const net = init(withSsdLite(compose('mobilenet-v2 width=0.35 size=64'), { classes: 3 }), { seed: 1 });
    const compiled = await compile(net);
    const found = ssdDetections(net.graph, await compiled.run(referenceImages(64 * 64 * 3)), { most: 7 });
    await compiled.release();
    expect(found).to.have.length(7);
    for (const { box, label } of found) {
      expect(Math.min(...box)).to.be.at.least(0);
      expect(Math.max(...box)).to.be.at.most(64);
      expect([1, 2]).to.include(label);
    }
  });

  it('refuses nets without maps, and outputs that are none of SSD', () => {
    expect(messageOf(() => withSsdLite(compose('snn'), { classes: 3 }), UsageError)).to.equal(
      'snn: has no map before a global pool, on which a head of SSD-Lite could stand',
    );
    expect(messageOf(() => withSsdLite(compose('mobilenet-v2 size=1'), { classes: 3 }), UsageError)).to.equal(
      'mobilenet-v2 size=1: has no map of twice the size of its last, 1 x 1; compose it with a larger size',
    );
    expect(messageOf(() => ssdAnchors(compose('wrn')), MoonletError)).to.equal(
      'wrn: is no SSD: its outputs must be maps in pairs, classes and offsets of each size; compose one by withSsdLite',
    );
    const four = withSsdLite(compose('mobilenet-v2 size=64'), { classes: 3, anchors: 4 });
    expect(messageOf(() => ssdAnchors(four), MoonletError)).to.match(
      /: has 4 anchors at each place, and 2 ratios make 6; give as many ratios as fit$/,
    );
  });
});
