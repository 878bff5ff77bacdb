/** @file New units chosen by gradient: the function, the certificate, and gradients larger than those of units by chance. */
import { expect } from 'chai';
import { addUnits, type Growth, verifyCertificate } from '../../src/edit/index.ts';
import { useBackend } from '../../src/engine/index.ts';
import { UsageError } from '../../src/errors.ts';
import { addUnitsByGradient, gradients } from '../../src/learn/structure/index.ts';
import { classification } from '../../src/learn/task/index.ts';
import { fit, fitTask, sgd } from '../../src/learn/train/index.ts';
import type { Net, WeightKey } from '../../src/weights/index.ts';
import { corners, cornersNet, cornersScale } from '../support/corners.ts';
import { tinyScale, tinySplit } from '../support/distilling.ts';
import { expectPreserved, tied } from '../support/growing.ts';
import { shaken } from '../support/nets.ts';

const train = corners(64, 1);
const task = classification(train, cornersScale);
const o = { batches: 2, batch: 16 };

/** |dL/dW|^2 of the weights by which old units read new ones at the head, a dense layer behind stage1. */
async function outgoing(grown: Growth): Promise<number> {
  const found = await gradients(grown.net, task, o);
  const key: WeightKey = 'head/dense:kernel';
  const map = grown.maps.get('head/globalPool') as Int32Array;
  const classes = 4;
  const mean = found.map((g) => g.get(key) as Float32Array);
  return mean[0]!.reduce((sum, v, i) => {
    const average = (v + (mean[1]?.[i] ?? 0)) / 2;
    return (map[Math.floor(i / classes)] ?? 0) < 0 ? sum + average ** 2 : sum;
  }, 0);
}

describe('units chosen by gradient', () => {
  let net: Net;
  before(async () => {
    await useBackend('wasm');
    net = (await fit(cornersNet(3), train, cornersScale, { steps: 12, batch: 16, rate: 0.05, seed: 1 })).net;
  });

  it('keep the function in both modes, with a certificate, in as many units as were asked for', async () => {
    const grown = await addUnitsByGradient(net, task, { stage1: 6 }, o);
    expectPreserved(net, grown);
    expect(verifyCertificate(net, grown.net, grown.maps)).to.deep.equal([]);
    expect(grown.maps.get('stage1/conv')).to.have.length(6);
    expect(grown.maps.get('stage1/conv')?.filter((from) => from < 0)).to.have.length(2);
  });

  it('have larger outgoing gradients than units by chance, at the same norm of filters', async () => {
    const chosen = await addUnitsByGradient(net, task, { stage1: 6 }, { ...o, candidates: 8 });
    const byChance = await Promise.all(
      [1, 2, 3, 4].map((seed) => outgoing(addUnits(net, { stage1: 6 }, { seed }))),
    );
    const mean = byChance.reduce((a, b) => a + b, 0) / byChance.length;
    expect(await outgoing(chosen)).to.be.above(1.2 * mean);
    expect(chosen.scores.kept).to.be.above(chosen.scores.drawn);
    // the score of a unit is its part of that gradient
    expect(2 * chosen.scores.kept).to.be.closeTo(await outgoing(chosen), 0.02 * (await outgoing(chosen)));
  });

  it('serve grouped, depthwise and shuffled channels, and layers that add', async () => {
    const other = shaken(tied);
    const data = classification(tinySplit(), tinyScale);
    for (const widths of [{ stage1: 'x1.5' }, { 'stage1/conv': 'x2' }] as const) {
      const grown = await addUnitsByGradient(other, data, widths, { batches: 1, batch: 8, candidates: 2 });
      expectPreserved(other, grown);
      expect(verifyCertificate(other, grown.net, grown.maps)).to.deep.equal([]);
    }
  });

  it('train on, and refuse one candidate', async () => {
    const grown = await addUnitsByGradient(net, task, { stage1: 6 }, o);
    const { finished } = await fitTask(grown.net, task, {
      steps: 2,
      batch: 16,
      optimizer: sgd(),
      rate: 0.05,
    });
    expect(finished).to.equal(true);
    const error = await addUnitsByGradient(net, task, { stage1: 6 }, { candidates: 1 }).catch(
      (e: unknown) => e,
    );
    expect(error).to.be.instanceOf(UsageError);
  });
});

describe('squares of gradients of new units', () => {
  it('begin at the mean square of their layer, and those of old weights stay', () => {
    const grown = addUnits(cornersNet(), { stage1: 6 });
    const key: WeightKey = 'stage1/conv:kernel';
    const old = Float32Array.from({ length: 3 * 3 * 4 * 4 }, (_, i) => i % 5);
    const mean = old.reduce((a, b) => a + b, 0) / old.length;
    const map = grown.maps.get('stage1/conv') as Int32Array;
    const squares = grown.follow(key, old, 'square') as Float32Array;
    const first = grown.follow(key, old, 'gradient') as Float32Array;
    squares.forEach((v, at) => {
      const from = map[at % 6] as number;
      const place = Math.floor(at / 6);
      if (from < 0) expect([v, first[at]]).to.deep.equal([Math.fround(mean), 0]);
      else expect(v).to.equal(old[place * 4 + from]);
    });
    // old units of the next layer read new ones: their squares are the mean too
    const head = Float32Array.from({ length: 16 }, (_, i) => i);
    const next = grown.follow('head/dense:kernel', head, 'square') as Float32Array;
    const read = grown.maps.get('head/globalPool') as Int32Array;
    next.forEach((v, at) => {
      const from = read[Math.floor(at / 4)] as number;
      expect(v).to.equal(from < 0 ? 7.5 : head[from * 4 + (at % 4)]);
    });
  });
});
