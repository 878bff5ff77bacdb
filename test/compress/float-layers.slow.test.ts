/** @file Layers that stay in floats within a quantized net: onnxruntime computes them as they are, wherever they stand. */
import { expect } from 'chai';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Block } from '../../src/compose/index.ts';
import { quantizeByData } from '../../src/compress/index.ts';
import { graph, init, input } from '../../src/index.ts';
import { encodeModel } from '../../src/onnx/index.ts';
import { toOnnx } from '../../src/read/onnx.ts';
import { float, type Net, type WeightKey } from '../../src/weights/index.ts';

const batch = 8;
const x = Float32Array.from({ length: batch * 192 }, (_, i) => Math.sin(i * 1.7) + Math.cos(i * 0.37));

async function run(net: Net, level: 'all' | 'disabled'): Promise<Float32Array> {
  const options = { graphOptimizationLevel: level, logSeverityLevel: 3 } as const;
  const session = await InferenceSession.create(encodeModel(toOnnx(net)), options);
  const found = await session.run({ input: new Tensor('float32', x, [batch, 8, 8, 3]) });
  await session.release();
  return found[net.graph.outputs[0] ?? '']?.data as Float32Array;
}
const most = (values: Float32Array): number => values.reduce((a, v) => Math.max(a, Math.abs(v)), 0);

/** One large channel, which a relu closes for good: with one step for all channels, the others would be rounded to nothing. */
function withClosedChannel(net: Net, id: string): Net {
  const [kernel, bias] = [`${id}:kernel`, `${id}:bias`].map((key) => net.weights.get(key as WeightKey));
  if (kernel?.encoding !== 'float32' || bias?.encoding !== 'float32') throw new Error('init makes floats');
  const out = bias.data.length;
  const large = kernel.data.map((v, i) => (i % out ? v : 20 * Math.sign(v)));
  const low = bias.data.map((_, i) => (i ? 0.1 : -1e4));
  const weights = new Map(net.weights)
    .set(`${id}:kernel`, float(kernel.shape, large))
    .set(`${id}:bias`, float(bias.shape, low));
  return { ...net, weights };
}

/** A net with the layer `float` behind `between` of so many channels, to be left in floats. */
function netWith(kind: 'conv' | 'convTranspose', channels: number, between: Block): Net {
  const y = input(8, 8, 3)
    .conv(channels, { kernel: 3, bias: true })
    .relu()
    .pipe('between', between)
    .pipe('float', (v) =>
      kind === 'conv'
        ? v.conv(6, { kernel: 3, bias: true })
        : v.convTranspose(6, { kernel: 3, stride: 2, bias: true }),
    )
    .relu()
    .conv(4, { kernel: 3, bias: true })
    .globalPool()
    .dense(3);
  return withClosedChannel(init(graph('net', y), { seed: 1 }), `float/${kind}`);
}

/** Ops that move values, behind which a layer still reads codes: runtimes move DequantizeLinear through them. */
const moves: Readonly<Record<string, Block>> = {
  'a rounded value': (v) => v,
  'a value of max pooling': (v) => v.maxPool({ size: 2, stride: 2 }),
  'a value of mean pooling': (v) => v.avgPool({ size: 2, stride: 2 }),
  'an upsampled value': (v) => v.upsample(2),
};

describe('a layer in floats within a quantized net', () => {
  for (const kind of ['conv', 'convTranspose'] as const)
    for (const channels of [1, 4])
      for (const [what, between] of Object.entries({
        ...moves,
        ...(channels === 4 ? { 'shuffled places': (v: Parameters<Block>[0]) => v.pixelShuffle(2) } : {}),
      }))
        it(`${kind}, reads ${what} of ${channels} channels, and keeps its kernel`, async () => {
          const net = netWith(kind, channels, between);
          const q = await quantizeByData(net, [x], { keep: (path) => path.startsWith('float/') });
          const [floats, plain, optimized] = [
            await run(net, 'all'),
            await run(q, 'disabled'),
            await run(q, 'all'),
          ];
          const off = (a: Float32Array, b: Float32Array): number =>
            most(a.map((v, i) => v - (b[i] as number)));
          // a sum halfway between two steps may go either way; a rounded kernel was off by 1 to 50 %
          expect(off(optimized, plain)).to.be.below(0.005 * most(plain));
          expect(off(optimized, floats)).to.be.below(0.03 * most(floats));
        });
});

describe('an activation of an activation', () => {
  for (const fn of ['relu', 'relu6'] as const)
    it(`${fn} of ${fn}, is loaded by the runtime between rounded values`, async () => {
      const y = input(8, 8, 3).conv(4, { kernel: 3, bias: true }).act(fn).act(fn).conv(6, { kernel: 3 });
      const net = init(graph('net', y.relu().globalPool().dense(3)), { seed: 1 });
      const q = await quantizeByData(net, [x]);
      const [floats, codes] = [await run(net, 'all'), await run(q, 'all')];
      expect(most(floats.map((v, i) => v - (codes[i] as number)))).to.be.below(0.03 * most(floats));
    });
});
