/** @file A net for another input: kernels of the first convs by their sums, other sizes, and what cannot follow. */
import { expect } from 'chai';
import { withInput } from '../../src/edit/index.ts';
import { Refusal } from '../../src/errors.ts';
import { type Graph, inputShape } from '../../src/graph/index.ts';
import { graph, input } from '../../src/index.ts';
import { entries, type Net } from '../../src/weights/index.ts';
import { largestDifference, noise, shaken, small, smallZoo } from '../support/nets.ts';
import { line, usage } from '../support/refused.ts';
import { runForward } from '../support/run.ts';

/** The images with each value in so many equal channels. */
const repeated = (x: Float32Array, channels: number): Float32Array =>
  Float32Array.from({ length: x.length * channels }, (_, i) => x[Math.floor(i / channels)] ?? 0);
/** `done`, or that it was refused. */
function attempt(work: () => Net): Net | 'refused' {
  try {
    return work();
  } catch (e) {
    expect(e).to.be.instanceOf(Refusal);
    return 'refused';
  }
}
const zeros = (g: Graph): Net => ({
  graph: g,
  weights: new Map(
    entries(g).map(({ key, shape }) => [
      key,
      { encoding: 'float32', shape, data: new Float32Array(shape.reduce((n, d) => n * d, 1)) },
    ]),
  ),
});

describe('withInput', () => {
  const asVectors = ['snn', 'autoencoder'].map((name) => small(name).name);
  it('a grey or a wider image gives what its copy in three channels gave', async () => {
    const net = shaken(
      graph(
        'two-stems',
        input(12, 12, 3)
          .pipe('stem', (x) =>
            x
              .conv(6, { kernel: 3, stride: 2 })
              .norm()
              .add(x.conv(6, { stride: 2, bias: true }).norm())
              .relu(),
          )
          .pipe('stage1', (x) => x.conv(8, { kernel: 3 }).norm().relu())
          .globalPool()
          .dense(5),
      ),
    );
    const x = noise(2 * 144, 'grey');
    const before = await runForward(net, repeated(x, 3));
    const scale = Math.max(...before.map(Math.abs));
    for (const channels of [1, 6]) {
      const after = await runForward(withInput(net, { channels }), repeated(x, channels));
      expect(largestDifference(before, after) / scale).to.be.below(1e-5);
    }
  });

  for (const g of smallZoo())
    it(`changes only the convs of ${g.name} that read the input`, () => {
      const net = zeros(g);
      const other = attempt(() => withInput(net, { channels: inputShape(g)[2] === 1 ? 3 : 1 }));
      expect(other === 'refused').to.equal(asVectors.includes(g.name));
      if (other === 'refused') return;
      for (const { key, shape } of entries(other.graph)) {
        expect(other.weights.get(key)?.shape, key).to.deep.equal(shape);
        const reads = g.nodes.find((n) => key === `${n.id}:kernel`)?.inputs.some((id) => id === 'input');
        expect(other.weights.get(key) === net.weights.get(key), key).to.equal(!reads);
      }
    });

  it('takes another size wherever the last map is pooled, and refuses flattened ones', async () => {
    const net = shaken(
      graph('pooled', input(32, 32, 3).conv(4, { kernel: 3, stride: 2 }).relu().globalPool().dense(10)),
    );
    const wide = withInput(net, { size: [40, 64] });
    expect(inputShape(wide.graph)).to.deep.equal([40, 64, 3]);
    expect(wide.weights).to.deep.equal(net.weights);
    expect(await runForward(wide, noise(40 * 64 * 3, 'wide'))).to.have.length(10);
    const flat = shaken(
      graph(
        'flat',
        input(8, 8, 1)
          .pipe('stage1', (x) => x.conv(2))
          .flatten()
          .dense(3),
      ),
    );
    expect(await line(() => withInput(flat, { size: 12 }), Refusal)).to.equal(
      'withInput: flat: with images [12, 12, 1] the weight "dense:kernel" would be [288, 3], and it is [128, 3]; only nets that pool their last map take other sizes. Compose it for that size',
    );
    const deep = shaken(
      graph('deep', input(8, 8, 1).conv(2, { kernel: 3, padding: 'valid' }).globalPool().dense(3)),
    );
    expect(await line(() => withInput(deep, { size: 2 }), Refusal)).to.match(
      /^withInput: deep does not take images \[2, 2, 1\]: /,
    );
  });

  it('gives back the net when nothing changes', () => {
    const net = zeros(small('lcnet'));
    expect(withInput(net, {})).to.equal(net);
    expect(withInput(net, { size: 32, channels: 3 })).to.equal(net);
  });

  it('refuses what cannot follow: other readers of the input, shared kernels, vectors, wrong numbers', async () => {
    const deep = shaken(graph('deep', input(8, 8, 4).depthwise().globalPool().dense(3)));
    expect(await line(() => withInput(deep, { channels: 1 }), Refusal)).to.equal(
      'withInput: deep: "conv" (a grouped conv) reads the input, and only the kernel of a plain conv follows other channels; compose the net for them',
    );
    const normed = shaken(graph('normed', input(8, 8, 3).norm().conv(2).globalPool().dense(3)));
    expect(await line(() => withInput(normed, { channels: 1 }), Refusal)).to.match(
      /"norm" \(norm\) reads the input/,
    );
    expect(await usage(() => withInput(normed, { size: 0 }))).to.match(/^withInput: size must be/);
    expect(await usage(() => withInput(normed, { sizes: 3 } as never))).to.match(/sizes/);
  });
});
