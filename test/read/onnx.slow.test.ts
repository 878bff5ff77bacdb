/** @file The ONNX reading computes what the eager one does, for every op, in both layouts and for any batch. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import * as ort from 'onnxruntime-node';
import { get } from '../../src/access.ts';
import { useBackend } from '../../src/engine/index.ts';
import { inputShape } from '../../src/graph/index.ts';
import { fromOnnx } from '../../src/import/index.ts';
import { type Graph, graph, input, MoonletError, shapes } from '../../src/index.ts';
import { decodeModel, encodeModel } from '../../src/onnx/index.ts';
import { type ToOnnxOptions, toOnnx } from '../../src/read/onnx.ts';
import { rowSections } from '../../src/read/row-sections.ts';
import { forward, weightTensors } from '../../src/read/tfjs/index.ts';
import { materialize, type Net } from '../../src/weights/index.ts';
import { compose, wrn } from '../../zoo/architectures/index.ts';
import { expectForwardAgrees } from '../support/agreement.ts';
import { arbitraryGraph } from '../support/arbitrary-graph.ts';
import { largestDifference, noise, shaken, sizeOf, small } from '../support/nets.ts';
import { fc } from '../support/property.ts';

async function run(net: Net, x: Float32Array, batch: number, o: ToOnnxOptions = {}) {
  const [id] = net.graph.nodes.flatMap((n) => (n.op.kind === 'input' ? [n.id] : []));
  const session = await ort.InferenceSession.create(encodeModel(toOnnx(net, o)), { intraOpNumThreads: 1 });
  const shape = inputShape(net.graph);
  const [h, w, c] = shape as readonly [number, number, number];
  const dims = shape.length === 3 && o.layout === 'NCHW' ? [c, h, w] : shape;
  const out = await session.run({ [id as string]: new ort.Tensor('float32', x, [batch, ...dims]) });
  await session.release();
  return out;
}

/** max |onnx - eager| / max |eager| over all outputs. */
async function difference(graph: Graph, batch = 2): Promise<number> {
  const net = shaken(graph);
  const x = noise(batch * sizeOf(inputShape(graph)), graph.name);
  const found = await run(net, x, batch);
  const expected = tf.tidy(() => {
    const values = forward(
      graph,
      weightTensors(net.weights),
      tf.tensor(x, [batch, ...inputShape(graph)]),
    ).values;
    return graph.outputs.map((id) => [id, values.get(id)?.dataSync() as Float32Array] as const);
  });
  return Math.max(...expected.map(([id, y]) => largestDifference(found[id]?.data as Float32Array, y)));
}

describe('toOnnx', () => {
  before(() => useBackend('wasm'));

  // the whole zoo is compared in zoo/engines
  for (const graph of [small('mobilenet-v2'), small('shufflenet-v2'), small('ghostnet')]) {
    it(`${graph.name}: computes what the eager reading does`, async () => {
      expect(await difference(graph)).to.be.below(1e-4);
    });
  }

  it('computes what the eager reading does on random graphs of all ops', () =>
    fc.assert(
      fc.asyncProperty(arbitraryGraph(), async (graph) => {
        expect(await difference(graph)).to.be.below(1e-4);
      }),
      { numRuns: 60 },
    )).timeout(60_000);

  it('writes crops and maxima of pieces in forms that other runtimes read as they are meant', async () => {
    const shape = graph('forms', input(5, 6, 4).pad([-1, 0, 0, -2]).globalPool().dense(12).maxout(3).norm());
    const { nodes, initializers } = toOnnx(shaken(shape));
    const called = (type: string) => nodes.find(({ opType }) => opType === type);
    expect(called('Pad')).to.equal(undefined);
    expect(called('Slice')?.inputs.length).to.equal(4);
    const axes = initializers.find(({ name }) => name === called('ReduceMax')?.inputs[1]);
    expect(Array.from(axes?.data ?? [], Number)).to.deep.equal([2, 3]);
    expect(await difference(shape)).to.be.below(1e-5);
  });

  it('writes no negative pads, also where one side is padded and another cropped', async () => {
    for (const pads of [
      [1, -1, 0, 2],
      [-1, 0, 2, -3],
      [-3, 0, 5, 0],
    ] as const) {
      const both = graph('both', input(4, 5, 2).pad(pads).conv(3));
      const { nodes, initializers } = toOnnx(shaken(both));
      const name = nodes.find(({ opType }) => opType === 'Pad')?.inputs[1];
      const written = Array.from(initializers.find((t) => t.name === name)?.data ?? [-1], Number);
      expect(Math.min(...written)).to.equal(0);
      expect(await difference(both)).to.be.below(1e-5);
    }
  });

  it('takes any batch, or the one that it is told', async () => {
    const net = shaken(wrn({ depth: 10, size: 16 }));
    const [first] = toOnnx(net).inputs;
    expect(first?.shape).to.deep.equal(['batch', 16, 16, 3]);
    expect(toOnnx(net, { batch: 7 }).outputs[0]?.shape).to.deep.equal([7, 10]);
    const x = noise(3 * 768, 'any');
    const three = (await run(net, x, 3))['head/dense']?.data as Float32Array;
    const one = (await run(net, x.slice(768, 1536), 1))['head/dense']?.data as Float32Array;
    expect(largestDifference(one, three.slice(10, 20))).to.be.below(1e-5);
  });

  it('takes and gives channels first when told', async () => {
    const net = shaken(wrn({ depth: 10, size: 16 }));
    const x = tf.tensor(noise(2 * 768, 'layout'), [2, 16, 16, 3]);
    const turned = tf.transpose(x, [0, 3, 1, 2]);
    const values = ['stage2/0/add', 'head/dense'];
    const last = await run(net, x.dataSync() as Float32Array, 2, { values });
    const firstOut = await run(net, turned.dataSync() as Float32Array, 2, { values, layout: 'NCHW' });
    expect(last['stage2/0/add']?.dims).to.deep.equal([2, 8, 8, 32]);
    expect(firstOut['stage2/0/add']?.dims).to.deep.equal([2, 32, 8, 8]);
    expect(
      largestDifference(
        firstOut['head/dense']?.data as Float32Array,
        last['head/dense']?.data as Float32Array,
      ),
    ).to.be.below(1e-5);
    tf.dispose([x, turned]);
  });

  it('leaves out what the wanted values do not need', () => {
    const graph = wrn({ depth: 10 });
    const model = toOnnx(shaken(graph), { values: ['stage1'.concat('/0/add')] });
    expect(model.nodes.filter((n) => n.opType === 'Conv')).to.have.length(3);
    expect(model.outputs.map((o) => o.name)).to.deep.equal(['stage1/0/add']);
    expect(shapes(graph).get('stage1/0/add')).to.deep.equal([32, 32, 16]);
  });

  it('survives being written and read', () => {
    const model = toOnnx(shaken(wrn({ depth: 10, size: 16 })));
    const back = decodeModel(encodeModel(model));
    expect(back.nodes.map((n) => [n.opType, n.inputs, n.outputs])).to.deep.equal(
      model.nodes.map((n) => [n.opType, n.inputs, n.outputs]),
    );
  });

  it('writes GELU such that onnxruntime runs it as one op', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'onnx-gelu-'));
    const optimizedModelFilePath = join(folder, 'optimized.onnx');
    const model = encodeModel(toOnnx(shaken(graph('line', input(4).dense(8).act('gelu').dense(2)))));
    await (
      await ort.InferenceSession.create(model, { optimizedModelFilePath, logSeverityLevel: 3 })
    ).release();
    const ops = decodeModel(readFileSync(optimizedModelFilePath)).nodes.map((n) => n.opType);
    rmSync(folder, { recursive: true });
    expect(ops).to.include('Gelu').and.not.include('Erf');
  });

  it('writes the GELU by tanh such that it is read as one activation', async () => {
    const net = shaken(graph('line', input(4).dense(8).act('geluTanh').dense(2)));
    const back = fromOnnx(toOnnx(net)).graph;
    expect(back.nodes.map(({ op }) => (op.kind === 'act' ? op.fn : op.kind))).to.deep.equal([
      ...['input', 'dense', 'geluTanh', 'dense'],
    ]);
    await expectForwardAgrees(compose('convnext variant=test2 layerScale=1 size=32 classes=5'));
  });

  describe('keeps sections around attention as rows', () => {
    const nets = [
      ['mobilevit', 'mobilevit variant=xxs size=64 classes=10'],
      ['mobilevit-v2', 'mobilevit-v2 width=0.25 size=64 classes=10'],
      ['tiny-vit', 'tiny-vit window=2 size=64 classes=10'],
    ] as const;
    for (const [name, words] of nets) {
      it(`${name}: computes what the eager reading does, and is read back with its paths`, async () => {
        const graph = compose(words);
        const net = shaken(graph);
        expect(await difference(graph)).to.be.below(1e-4);
        for (const o of [{}, { layout: 'NCHW', batch: 1 }] as const) {
          const back = fromOnnx(encodeModel(toOnnx(net, o)));
          const plain = (nodes: typeof graph.nodes) =>
            nodes.map(({ id, inputs, op }) => [id, op.kind, inputs]);
          expect(plain(back.graph.nodes)).to.deep.equal(plain(graph.nodes));
          for (const [key, weight] of net.weights) {
            const [before, after] = [weight, get(back.weights, key)].map((w) =>
              Buffer.from(materialize(w).buffer),
            );
            expect(after && before?.equals(after), key).to.equal(true);
          }
        }
      });
    }

    it('with one turn in and one out for each of the three sections, and a move of whole rows', () => {
      const { nodes } = toOnnx(shaken(compose('mobilevit-v2 width=0.25 size=64 classes=10')), {
        layout: 'NCHW',
      });
      expect(nodes.filter(({ opType }) => opType === 'Transpose')).to.have.length(3 * 4);
    });

    it('gives a value inside one as a map', async () => {
      const graph = compose('mobilevit variant=xxs size=64 classes=10');
      const id = graph.nodes.find(({ op }) => op.kind === 'attention')?.id ?? '';
      expect(await difference({ ...graph, outputs: [id, ...graph.outputs] })).to.be.below(1e-4);
    });

    it('and no section of a quantized net, or around attention over a whole map', () => {
      const sections = (net: Net) =>
        rowSections(net.graph, shapes(net.graph), net.weights, net.graph.outputs).size;
      const parted = (last: 'windows' | 'whole', isQuantized: boolean): Net => {
        const x = input(4, 4, 8).layerNorm();
        const from = isQuantized ? x.quantize({ scale: 0.1, zero: 0, bits: 8, signed: true }) : x;
        const size = last === 'whole' ? {} : { windows: 2 };
        return shaken(graph('parted', from.conv(8).attention(x.conv(8), x.conv(8), { heads: 2, ...size })));
      };
      expect(sections(parted('windows', false))).to.equal(5);
      expect(sections(parted('windows', true))).to.equal(0);
      expect(sections(parted('whole', false))).to.equal(0);
    });
  });

  it('refuses a value that no node has', () => {
    expect(() => toOnnx(shaken(wrn()), { values: ['stage7'] })).to.throw(
      MoonletError,
      'wrn: no node "stage7" whose value could be had',
    );
  });
});
