/** @file The nets that segment images, held to the laws of the zoo at a small size. */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { widen } from '../../src/edit/index.ts';
import { compile } from '../../src/engine/index.ts';
import { channelsOf, type Graph, inputShape, onlyOutput, shapes } from '../../src/graph/index.ts';
import { fromOnnx, importWeights } from '../../src/import/index.ts';
import { cost } from '../../src/read/index.ts';
import { toOnnx } from '../../src/read/onnx.ts';
import { compose, segmentationArchitectures } from '../../zoo/architectures/index.ts';
import { expectForwardAgrees } from '../support/agreement.ts';
import { expectPreserved } from '../support/growing.ts';
import { expectForwardIsPredict, expectLaw1, expectLaw2, numbered } from '../support/laws.ts';
import { largestDifference, shaken, sizeOf } from '../support/nets.ts';
import { type ReferenceFile, referenceFile } from '../support/reference-files.ts';
import { referenceImages } from '../support/reference-fill.ts';
import { useCpu } from '../support/tensors.ts';

/** What is widened of each, and a layer that is then wider than this. */
const widened: Readonly<
  Record<string, readonly [by: Readonly<Record<string, 'x1.5'>>, id: string, more: number]>
> = {
  'lraspp-mobilenet-v3-large': [{ 'head/deep': 'x1.5', stage6: 'x1.5' }, 'head/deep/conv', 128],
  'ddrnet-23-slim': [{ 'head/deep': 'x1.5', stage2: 'x1.5' }, 'head/deep/conv', 16],
};

for (const [name, make] of segmentationArchitectures) {
  describe(name, () => {
    before(useCpu);
    const small = (): Graph => make({ width: 0.25, size: 40, classes: 5 });

    it('gives each pixel its classes, for any size, channels and classes', () => {
      for (const [size, channels, classes] of [
        [45, 4, 3],
        [1, 1, 1],
      ] as const) {
        const g = make({ size, channels, classes });
        expect(shapes(g).get(onlyOutput(g))).to.deep.equal([size, size, classes]);
      }
    });

    it('law 1: has the parameters and the shapes of the graph', () => expectLaw1(small()));
    it('law 2: goes back to the graph, with the same bytes', () => expectLaw2(numbered(small())));
    it('computes what forward computes', () => expectForwardIsPredict(numbered(small()), 1));
    it('law 6: engines agree in inference', () => expectForwardAgrees(small()));
    it('law 3: can be widened without a change', () => {
      const net = shaken(small());
      const [by = {}, id = '', more = 0] = widened[name] ?? [];
      const wide = widen(net, by);
      expectPreserved(net, wide);
      expect(channelsOf(shapes(wide.net.graph).get(id) ?? [0])).to.be.above(more);
    });
    it('comes back from ONNX at the same cost', () => {
      const net = shaken(small());
      const { params, macs } = cost(fromOnnx(toOnnx(net)).graph);
      expect({ params, macs }).to.deep.include({
        params: cost(net.graph).params,
        macs: cost(net.graph).macs,
      });
    });
  });
}

describe('a segmentation net', () => {
  it("imports torchvision's weights, and gives its logits", async () => {
    const url = new URL('reference/lraspp.json', import.meta.url);
    const golden: ReferenceFile & { readonly step: number } = JSON.parse(readFileSync(url, 'utf8'));
    const graph = compose(golden.net);
    const { net, hint } = importWeights(graph, referenceFile(golden), 'lraspp.pth', {
      source: golden.source,
    });
    if (!net) throw new Error(hint);
    const compiled = await compile(net);
    const logits = (await compiled.run(referenceImages(sizeOf(inputShape(graph))))).get(onlyOutput(graph));
    await compiled.release();
    const sampled = (logits ?? new Float32Array()).filter((_, i) => i % golden.step === 0);
    expect(sampled).to.have.length(golden.logits.length);
    expect(largestDifference(sampled, Float32Array.from(golden.logits))).to.be.below(1e-5);
  });

  it('is composed by its name, and by that of torchvision', () => {
    const ours = compose('lraspp-mobilenet-v3-large');
    expect(compose('torchvision/lraspp_mobilenet_v3_large').nodes).to.deep.equal(ours.nodes);
  });
});
