/** @file Splitting by steepest descent: against splitting matrices in closed form, the function, the certificate, the loss. */
import { expect } from 'chai';
import { graph, input } from '../../src/compose/index.ts';
import { verifyCertificate } from '../../src/edit/index.ts';
import { useBackend } from '../../src/engine/index.ts';
import { Refusal } from '../../src/errors.ts';
import { splitUnits } from '../../src/learn/structure/index.ts';
import { classification } from '../../src/learn/task/index.ts';
import { fit, type StepReport, sgd } from '../../src/learn/train/index.ts';
import { random } from '../../src/random.ts';
import { init, materialize, type Net } from '../../src/weights/index.ts';
import { corners, cornersNet, cornersScale } from '../support/corners.ts';
import { tinyScale, tinySplit } from '../support/distilling.ts';
import { expectPreserved, tied } from '../support/growing.ts';
import { shaken } from '../support/nets.ts';

const [n, inputs, units, classes] = [32, 4, 5, 3];
const source = random('splitting');
const split = {
  count: n,
  pixels: Uint8Array.from({ length: n * inputs }, () => source.below(256)),
  labels: Uint8Array.from({ length: n }, (_, i) => i % classes),
};
const scale = { shape: [1, 1, inputs] as const, mean: 0.5, std: 0.3 };
/** tanh units on a vector, and a dense layer of classes. */
const tanh = init(
  graph('tanh', input(1, 1, inputs).flatten().dense(units, { bias: false }).act('tanh').dense(classes)),
  { seed: 3 },
);

/** Mean cross-entropy of all examples, and the splitting matrix of each unit, by the formulas. */
function closedForm(net: Net): { readonly loss: number; readonly matrices: readonly Float64Array[] } {
  const dense = net.graph.nodes.flatMap(({ id, op }) => (op.kind === 'dense' ? [id] : []));
  const w = materialize(net.weights.get(`${dense[0]}:kernel`)!);
  const v = materialize(net.weights.get(`${dense[1]}:kernel`)!);
  const width = w.length / inputs;
  const matrices = Array.from({ length: width }, () => new Float64Array(inputs * inputs));
  let loss = 0;
  for (let e = 0; e < n; e++) {
    const x = Array.from({ length: inputs }, (_, i) => (split.pixels[e * inputs + i]! / 255 - 0.5) / 0.3);
    const z = Array.from({ length: width }, (_, u) => x.reduce((s, xi, i) => s + xi * w[i * width + u]!, 0));
    const h = z.map(Math.tanh);
    const logits = Array.from({ length: classes }, (_, c) =>
      h.reduce((s, hu, u) => s + hu * v[u * classes + c]!, 0),
    );
    const sum = logits.reduce((s, l) => s + Math.exp(l), 0);
    loss -= (logits[split.labels[e]!]! - Math.log(sum)) / n;
    const slope = logits.map((l, c) => (Math.exp(l) / sum - (c === split.labels[e] ? 1 : 0)) / n);
    for (let u = 0; u < width; u++) {
      const dh = slope.reduce((s, g, c) => s + g * v[u * classes + c]!, 0);
      const second = -2 * h[u]! * (1 - h[u]! ** 2);
      for (let i = 0; i < inputs; i++)
        for (let j = 0; j < inputs; j++) matrices[u]![i * inputs + j]! += dh * second * x[i]! * x[j]!;
    }
  }
  return { loss, matrices };
}

/** The lowest eigenvalue of a small symmetric matrix, by many steps of the power iteration. */
function lowest(matrix: Float64Array): number {
  const bound = matrix.reduce((s, m) => s + Math.abs(m), 0);
  let v = Array.from({ length: inputs }, (_, i) => 1 + i);
  const times = (x: readonly number[]): number[] =>
    x.map((_, i) => x.reduce((s, xj, j) => s + matrix[i * inputs + j]! * xj, 0));
  for (let step = 0; step < 20_000; step++) {
    const next = times(v).map((m, i) => bound * v[i]! - m);
    const length = Math.hypot(...next);
    v = next.map((m) => m / length);
  }
  return times(v).reduce((s, m, i) => s + m * v[i]!, 0);
}

describe('splitting by steepest descent', () => {
  before(() => useBackend('wasm'));
  const all = { batches: 1, batch: n, rounds: 60, distance: 0.02 };

  it('finds the lowest eigenvalues of the splitting matrices, and copies their units', async () => {
    const { matrices } = closedForm(tanh);
    const w = materialize(tanh.weights.get('dense:kernel')!);
    const gains = matrices.map((m, u) => {
      const square = Array.from({ length: inputs }, (_, i) => w[i * units + u]! ** 2).reduce((a, b) => a + b);
      return -0.5 * lowest(m) * square;
    });
    const task = classification(split, scale);
    const grown = await splitUnits(tanh, task, { dense: units + 2 }, all);
    const order = gains.map((_, u) => u).sort((a, b) => gains[b]! - gains[a]!);
    const map = [...grown.maps.get('dense')!];
    const twice = order.filter((u) => map.filter((from) => from === u).length === 2);
    expect(twice.sort()).to.deep.equal(order.slice(0, 2).sort());
    const best = (gains[order[0]!]! + gains[order[1]!]!) / 2;
    expect(grown.gains.kept).to.be.closeTo(best, 0.02 * best);
    expect(grown.gains.all).to.be.closeTo(gains.reduce((a, b) => a + b) / units, 0.03 * best);
  });

  it('lowers the loss as it says, to second order, and more than other directions do', async () => {
    const task = classification(split, scale);
    const grown = await splitUnits(tanh, task, { dense: 'x2' }, all);
    const before = closedForm(tanh).loss;
    expect(closedForm(grown.net).loss).to.be.closeTo(before, 1e-6);
    const distance = 0.2;
    const expected = units * grown.gains.kept * distance ** 2;
    const fall = before - closedForm(grown.apart(distance)).loss;
    expect(fall).to.be.closeTo(expected, 0.1 * expected);
    for (const seed of [1, 2, 3, 4]) {
      const byChance = await splitUnits(tanh, task, { dense: 'x2' }, { ...all, rounds: 1, seed });
      expect(before - closedForm(byChance.apart(distance)).loss).to.be.below(fall);
    }
  });

  it('keeps the function of trained convs with norms, with a certificate, and lowers their loss', async () => {
    const train = corners(64, 1);
    const { net } = await fit(cornersNet(3), train, cornersScale, {
      steps: 12,
      batch: 16,
      rate: 0.05,
      seed: 1,
    });
    const task = classification(train, cornersScale);
    const grown = await splitUnits(net, task, { stage1: 6 }, { batches: 4, batch: 16 });
    expectPreserved(net, grown);
    expect(verifyCertificate(net, grown.net, grown.maps)).to.deep.equal([]);
    expect(grown.maps.get('stage1/conv')).to.have.length(6);
    expect(grown.gains.kept).to.be.above(grown.gains.all);
    const lossOf = async (other: Net): Promise<number> => {
      let loss = Number.NaN;
      const onStep = (at: StepReport): void => {
        loss = at.loss;
      };
      await fit(other, train, cornersScale, { steps: 1, batch: 64, rate: 0, onStep });
      return loss;
    };
    expect(await lossOf(grown.apart(0.2))).to.be.below(await lossOf(grown.net));
  });

  it('serves grouped, depthwise and shuffled channels, and layers that add', async () => {
    const other = shaken(tied);
    const data = classification(tinySplit(), tinyScale);
    for (const widths of [{ stage1: 'x1.5' }, { 'stage1/conv': 'x2', stage1: 'x2' }] as const) {
      const grown = await splitUnits(other, data, widths, { batches: 1, batch: 8, rounds: 2 });
      expectPreserved(other, grown);
      expect(verifyCertificate(other, grown.net, grown.maps)).to.deep.equal([]);
      const apart = grown.apart();
      expect([...apart.weights.keys()]).to.deep.equal([...grown.net.weights.keys()]);
      // what is not made twice stays
      expect(apart.weights.get('head/dense:kernel')).to.equal(grown.net.weights.get('head/dense:kernel'));
    }
  });

  it('trains on, and refuses more than twice the width', async () => {
    const task = classification(split, scale);
    const grown = await splitUnits(tanh, task, { dense: 6 }, { ...all, rounds: 2 });
    const trained = await fit(grown.apart(), split, scale, {
      steps: 2,
      batch: 16,
      optimizer: sgd(),
      rate: 0.05,
    });
    expect(trained.finished).to.equal(true);
    const error = await splitUnits(tanh, task, { dense: 11 }, all).catch((e: unknown) => e);
    expect(error).to.be.instanceOf(Refusal);
    expect((error as Error).message).to.equal(
      'dense: each unit is split in two, so that 5 channels cannot become 11; split them again after training',
    );
  });
});
