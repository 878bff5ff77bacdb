/** @file fromOnnx(toOnnx(net)) computes what the net computes, at the same cost: for random graphs and for the zoo. */
import { expect } from 'chai';
import { get } from '../../../src/access.ts';
import { quantizeByData } from '../../../src/compress/index.ts';
import { compile } from '../../../src/engine/index.ts';
import { type Graph, inputShape } from '../../../src/graph/index.ts';
import { fromOnnx, type OnnxNet } from '../../../src/import/index.ts';
import { graph, input } from '../../../src/index.ts';
import { decodeModel, encodeModel } from '../../../src/onnx/index.ts';
import { cost } from '../../../src/read/index.ts';
import { type ToOnnxOptions, toOnnx } from '../../../src/read/onnx.ts';
import { entries, float, materialize, type Net } from '../../../src/weights/index.ts';
import { arbitraryGraph, kindCounts } from '../../support/arbitrary-graph.ts';
import { stepNames } from '../../support/graph-steps.ts';
import { largestDifference, noise, shaken, sizeOf, small, smallZoo } from '../../support/nets.ts';
import { fc } from '../../support/property.ts';

async function outputs(net: Net, x: Float32Array, ids = net.graph.outputs): Promise<readonly Float32Array[]> {
  const compiled = await compile(net);
  const values = await compiled.run(x);
  await compiled.release();
  return ids.map((id) => values.get(id) ?? new Float32Array());
}

/** max |there and back - original| / max |original| over all outputs. */
async function difference(net: Net, back: OnnxNet): Promise<number> {
  const x = noise(2 * sizeOf(inputShape(net.graph)), net.graph.name);
  const ids = back.report.outputs.map(({ node }) => node);
  const [before, after] = [await outputs(net, x), await outputs(back, x, ids)];
  expect(after.length).to.equal(before.length);
  return Math.max(...before.map((y, i) => largestDifference(after[i] ?? new Float32Array(), y)));
}

const figures = (graph: Graph) => {
  const { params, macs } = cost(graph);
  return { params, macs };
};
/** A scale goes into the layer before it. */
const withoutScales = (graph: Graph) => {
  const { params, macs } = figures(graph);
  const scales = cost(graph).layers.filter(({ kind }) => kind === 'scale');
  return { params: params - scales.reduce((n, layer) => n + layer.params, 0), macs };
};
/** ONNX's norms have a scale and an offset; its layer norms a scale. */
const affine = (graph: Graph): Graph => ({
  ...graph,
  nodes: graph.nodes.map((n) =>
    n.op.kind === 'norm'
      ? { ...n, op: { ...n.op, scale: true, offset: true } }
      : n.op.kind === 'layerNorm'
        ? { ...n, op: { ...n.op, scale: true } }
        : n,
  ),
});
const codesIn = ({ weights }: Net): number =>
  [...weights.values()].filter(({ encoding }) => encoding === 'quantized').length;
const back = (net: Net, o: ToOnnxOptions = {}) => fromOnnx(encodeModel(toOnnx(net, o)));

describe('fromOnnx(toOnnx(net))', () => {
  it('is the net, for random graphs', () =>
    fc.assert(
      // a scale goes into the layer before it
      fc.asyncProperty(
        arbitraryGraph({ only: stepNames.filter((n) => n !== 'scale') }),
        fc.constantFrom('NHWC', 'NCHW'),
        async (graph, layout) => {
          const net = shaken(graph);
          const again = back(net, { layout });
          expect(figures(again.graph)).to.deep.equal(figures(affine(graph)));
          expect(await difference(net, again)).to.be.below(1e-5);
        },
      ),
      { numRuns: 40 },
    )).timeout(60_000);

  it('reaches most kinds of ops with these graphs, whatever seed the others have', () => {
    const graphs = fc.sample(arbitraryGraph(), { numRuns: 40, seed: 20240229 });
    const read = graphs.map((graph) => back(shaken(graph)).graph);
    expect(kindCounts(read).size, 'kinds of ops').to.be.above(15);
  });

  it('is the net: channels of a shuffle in pieces, and a map of one place that grows', async () => {
    const x = input(4, 3, 12);
    const pieces = graph('pieces', x.shuffle(3).maxout(6));
    const place = graph(
      'place',
      x
        .maxPool({ size: [4, 3] })
        .upsample(2)
        .conv(4, { kernel: 3 }),
    );
    for (const net of [shaken(pieces), shaken(place)])
      for (const layout of ['NHWC', 'NCHW'] as const)
        expect(await difference(net, back(net, { layout }))).to.be.below(1e-5);
  });

  it('is the net: heads that talk before the softmax alone, or after it', async () => {
    const x = input(4, 3, 6);
    const net = shaken(
      graph('talking', x.conv(6).attention(x.conv(6), x.conv(9), { heads: 3, talking: true })),
    );
    const model = toOnnx(net);
    const softmax = model.nodes.find(({ opType }) => opType === 'Softmax');
    const convs = model.nodes.filter(
      ({ inputs, outputs, opType }) =>
        opType === 'Conv' && (inputs[0] === softmax?.outputs[0] || outputs[0] === softmax?.inputs[0]),
    );
    expect(convs.length).to.equal(2);
    for (const [which, { inputs, outputs }] of convs.entries()) {
      const nodes = model.nodes.flatMap((node) =>
        node.outputs[0] === outputs[0]
          ? []
          : [
              {
                ...node,
                inputs: node.inputs.map((name) => (name === outputs[0] ? (inputs[0] ?? '') : name)),
              },
            ],
      );
      const weights = new Map(net.weights);
      for (const [slot, silent] of [
        ['kernel', (i: number) => (i % 4 ? 0 : 1)],
        ['beta', () => 0],
      ] as const) {
        const weight = get(weights, `attention:${slot}`);
        const data = materialize(weight);
        const size = data.length / 2;
        const own = data.map((v, i) => (Math.floor(i / size) === which ? silent(i % size) : v));
        weights.set(`attention:${slot}`, float(weight.shape, own));
      }
      const read = fromOnnx(encodeModel({ ...model, nodes }));
      expect(await difference({ ...net, weights }, read)).to.be.below(1e-5);
    }
  });

  for (const graph of smallZoo(32).filter((g) => cost(g).params < 120_000)) {
    it(`is the net: ${graph.name}`, async () => {
      const net = shaken(graph);
      const again = back(net);
      expect(figures(again.graph)).to.deep.equal(withoutScales(graph));
      expect(await difference(net, again)).to.be.below(1e-5);
    });
  }

  for (const name of ['resnet-cifar', 'mobilenet-v2']) {
    it(`is the same net of integers: ${name}`, async () => {
      const graph = small(name, 16);
      const net = await quantizeByData(shaken(graph), [noise(4 * sizeOf(inputShape(graph)), name)]);
      const again = back(net);
      expect([again.graph.integers, codesIn(again)]).to.deep.equal([net.graph.integers, codesIn(net)]);
      expect(await difference(net, again)).to.equal(0);
    });
  }

  it('keeps what is shared, and the name of each initializer', () => {
    const model = toOnnx(shaken(small('mobilenet-v2')));
    const { graph, report } = fromOnnx(model);
    const names = new Set(model.initializers.map(({ name }) => name));
    expect([...report.tensors.values()].every((name) => names.has(name))).to.equal(true);
    expect(report.tensors.size).to.equal(entries(graph).length);
    expect(report.inputs.map(({ axes }) => axes)).to.deep.equal(['nhwc']);
    expect(decodeModel(encodeModel(model)).opset).to.equal(report.opset);
  });
});
