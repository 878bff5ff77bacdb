/** @file The pipeline: steps as data, what is measured, contracts that hold, budgets that are met or refused. */
import { expect } from 'chai';
import * as z from 'zod';
import { sharingContract, sparsityContract } from '../../src/compress/contracts.ts';
import {
  type CompressStepInput,
  checkContracts,
  compress,
  parseSteps,
  printStep,
  search,
  stepNames,
} from '../../src/compress/index.ts';
import { heldOutOf } from '../../src/compress/options.ts';
import { stepKind } from '../../src/compress/step-kind.ts';
import { stepKinds } from '../../src/compress/step-kinds.ts';
import type { Dataset } from '../../src/data/index.ts';
import {
  cost,
  graph,
  input,
  MoonletError,
  pruneChannels,
  pruneWeights,
  shareWeights,
  UsageError,
} from '../../src/index.ts';
import { fit } from '../../src/learn/train/index.ts';
import { random } from '../../src/random.ts';
import { bytesOf, init, materialize, type Net, unpackCompact, type Weight } from '../../src/weights/index.ts';
import { messageOf } from '../support/errors.ts';

/** Bright in one of four corners, with noise. */
function corners(count: number, seed: number) {
  const source = random('corners', seed);
  const pixels = new Uint8Array(count * 64);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    labels[i] = i % 4;
    for (let k = 0; k < 64; k++) {
      const [row, column] = [Math.floor(k / 8), k % 8];
      const inside = row < 4 === i % 4 < 2 && column < 4 === (i % 2 === 0);
      pixels[i * 64 + k] = Math.min(255, (inside ? 90 : 30) + source.below(120));
    }
  }
  return { count, pixels, labels };
}
const data: Dataset = {
  name: 'corners',
  classes: 4,
  classNames: ['a', 'b', 'c', 'd'],
  shape: [8, 8, 1],
  train: corners(400, 1),
  test: corners(100, 2),
  mean: 0.3,
  std: 0.2,
};
const small = graph(
  'corners',
  input(8, 8, 1)
    .pipe('stem', (x) => x.conv(16, { kernel: 3 }).norm().relu())
    .pipe('stage1', (x) => x.conv(32, { kernel: 3, stride: 2 }).norm().relu())
    .pipe('head', (x) => x.flatten().dense(4)),
);
let net: Net;
const o = { data, heldOut: 80, runs: 0 };

before(async () => {
  ({ net } = await fit(init(small), data.train, data, { steps: 60, batch: 32, rate: 0.05 }));
});

describe('steps', () => {
  it('in words and in JSON are the same', () => {
    const words = parseSteps(
      'prune=0.8,scope=global fit=300,rate=0.01 factorize=tucker,rank=3x4 share=16,only=stem+head huffman',
    );
    const json = parseSteps([
      { step: 'prune', sparsity: 0.8, scope: 'global' },
      { step: 'fit', steps: 300, rate: 0.01 },
      { step: 'factorize', method: 'tucker', rank: [3, 4] },
      { step: 'share', clusters: 16, only: ['stem', 'head'] },
      { step: 'huffman' },
    ]);
    expect(words).to.deep.equal(json);
    const printed = words.map(printStep);
    expect(printed).to.deep.equal([
      'prune=0.8,scope=global',
      'fit=300,rate=0.01',
      'factorize=tucker,rank=3x4',
      'share=16,only=stem+head',
      'huffman',
    ]);
    expect(parseSteps(printed.join(' '))).to.deep.equal(words);
  });

  for (const name of ['x', '0', '2x3', 'true'])
    it(`take a layer of the name ${name}`, () => {
      expect(parseSteps(`share=7,only=${name}`)[0]).to.deep.include({ only: [name] });
    });

  for (const [what, steps, message] of [
    ['an unknown step', 'prun=0.5', /^steps\[0\]: no step "prun"\. Did you mean "prune"\? Known: channels, /],
    ['an unknown option', 'half prune=0.5,amount=3', /^steps\[1\]: top level: .*amount/],
    ['a value out of range', 'share=1', /^steps\[0\]: clusters: /],
    ['a value that is no number', 'prune=much', /^steps\[0\]: sparsity: /],
    ['a value for a step that takes none', 'half=3', /^steps\[0\]: half takes no value, got "3"$/],
    [
      'no way to say how much',
      'factorize=svd',
      /^steps\[0\]: factorize takes one of rank, energy, params, macs, vbmf, got none$/,
    ],
    [
      'two ways to say how much',
      'channels=0.5,macs=0.5',
      /^steps\[0\]: channels takes one of ratio, macs, params, got ratio and macs$/,
    ],
    ['a step after the file', 'huffman half', /^steps\[0\]: huffman writes the file; no step may follow it$/],
    [
      'no name',
      [{ sparsity: 0.5 }],
      /^steps\[0\]: a step is an object such as \{"step":"half"\}; give its name/,
    ],
    [
      'an option that is given twice',
      'prune=0.5,sparsity=0.9',
      /^steps\[0\]: sparsity of prune is given twice$/,
    ],
    ['an option without a value', 'prune=0.5,only=', /^steps\[0\]: only of prune has no value after "="$/],
    ['nothing', '', /^steps: a list of steps is expected, such as/],
  ] as const) {
    it(`are refused with ${what}`, () => {
      expect(() => parseSteps(steps)).to.throw(UsageError, message);
    });
  }

  it('are kinds with all answers: one that misses an answer does not compile', () => {
    const schema = z.strictObject({ step: z.literal('same') });
    const same = stepKind({
      ...{ schema, main: undefined, needs: () => undefined, contract: 'none' },
      run: (net) => ({ net }),
    });
    // @ts-expect-error no word about what later steps must keep
    stepKind({ schema, main: undefined, needs: () => undefined, run: (net) => ({ net }) });
    // @ts-expect-error no word about data
    stepKind({ schema, main: undefined, run: (net) => ({ net }), contract: 'none' });
    expect(Object.keys(stepKinds)).to.not.include(same.schema.shape.step.value);
    for (const name of stepNames) expect(stepKinds[name].schema.shape.step.value).to.equal(name);
  });
});

describe('compress', () => {
  it('measures after every step: accuracy, parameters, multiply-adds, bytes, gzip, time', async () => {
    const { rows, net: after } = await compress(net, parseSteps('channels=0.25 prune=0.5 half'), {
      ...o,
      runs: 3,
    });
    expect(rows.map((r) => r.step)).to.deep.equal([
      'original',
      'channels=0.25,roundTo=8',
      'prune=0.5',
      'half',
    ]);
    const [first, cut, thin, light] = rows;
    expect(first?.accuracy).to.be.above(0.9);
    expect(cut?.params).to.be.below(0.8 * (first?.params as number));
    expect(cut?.macs).to.be.below(0.8 * (first?.macs as number));
    expect(thin?.nonzero).to.be.below(0.6 * (cut?.nonzero as number));
    expect(thin?.bytes).to.be.below(0.65 * (cut?.bytes as number));
    expect(light?.bytes).to.be.below(0.65 * (thin?.bytes as number));
    expect(light?.bytes).to.equal(bytesOf(after));
    for (const r of rows) {
      expect(r.gzipBytes).to.be.above(100);
      expect(r.latencyMs).to.be.above(0);
    }
  });

  it('runs Deep Compression: zeros and shared values live through training, the file gives the same net back', async () => {
    const steps = parseSteps('prune=0.7 fit=20 share=16 fit=10 half huffman');
    const { net: after, rows, file } = await compress(net, steps, o);
    expect(unpackCompact(after.graph, file as Uint8Array)).to.deep.equal(after);
    const [first, last] = [rows[0], rows.at(-1)];
    expect(last?.bytes).to.equal(file?.length);
    expect(last?.bytes).to.be.below((first?.bytes as number) / 8);
    expect(last?.accuracy).to.be.above(0.85);
    const w = after.weights.get('stage1/conv:kernel') as Weight;
    const values = materialize(w);
    expect(w.encoding).to.equal('sparse');
    expect(values.filter((v) => v === 0).length).to.be.at.least(0.7 * values.length - 1);
    expect(new Set(values).size).to.be.at.most(17);
  });

  it('fits layers that lost inputs by least squares, in rows and in progress', async () => {
    const progress: (readonly [number, number])[] = [];
    const quiet = { ...o, runs: 0, onReconstruct: (...at: [number, number]) => progress.push(at) };
    const words = 'channels=0.25,reconstruct=64';
    const { rows, net: fitted } = await compress(net, parseSteps(words), quiet);
    const plain = await compress(net, parseSteps('channels=0.25'), { ...o, runs: 0 });
    expect(rows.at(-1)?.step).to.equal('channels=0.25,roundTo=8,reconstruct=64');
    expect(rows.at(-1)?.macs).to.equal(plain.rows.at(-1)?.macs);
    const moved = [...fitted.weights].filter(([key, w]) => {
      const before = materialize(plain.net.weights.get(key) as Weight);
      return materialize(w).some((v, i) => v !== before[i]);
    });
    const layers = progress[0]?.[1] as number;
    expect(layers).to.be.at.least(2);
    expect(moved.filter(([key]) => key.endsWith(':kernel')).length).to.equal(layers);
    expect(progress).to.deep.equal(Array.from({ length: layers + 1 }, (_, i) => [i, layers]));
    const error = await compress(net, parseSteps(words), { runs: 0 }).catch((e: unknown) => e);
    expect((error as Error).message).to.equal(
      'channels=0.25,reconstruct=64 needs data, to fit layers; say which dataset',
    );
  });

  it('goes through every step that there is', async () => {
    const each: Readonly<Record<string, CompressStepInput>> = {
      channels: { step: 'channels', macs: 0.8 },
      prune: { step: 'prune', sparsity: 0.3 },
      factorize: { step: 'factorize', method: 'svd', rank: 6, where: 'stage1' },
      quantize: { step: 'quantize', examples: 32 },
      'train-quantized': { step: 'train-quantized', kind: 'ternary', steps: 2, batch: 16, except: ['head'] },
      share: { step: 'share', clusters: 32 },
      hash: { step: 'hash', share: 0.5, only: ['head'] },
      circulate: { step: 'circulate', block: 4, only: ['stage1'] },
      half: { step: 'half' },
      fold: { step: 'fold' },
      fit: { step: 'fit', steps: 2, batch: 16 },
      distill: { step: 'distill', steps: 2, batch: 16, temperature: 3 },
      huffman: { step: 'huffman' },
    };
    expect(Object.keys(each)).to.deep.equal(stepNames);
    for (const [name, step] of Object.entries(each)) {
      const { rows } = await compress(net, parseSteps([step]), o);
      expect(rows, name).to.have.length(2);
      expect(rows[1]?.accuracy, name).to.be.above(0.2);
    }
  });

  it('keeps what was made through training: whole numbers, zeros in them, ranks, hashes, circulants', async () => {
    for (const chain of [
      'prune=0.5 quantize=8 fit=3,batch=16',
      'quantize=4,activations=0 fit=3,batch=16',
      'train-quantized=3,kind=ternary,batch=16,except=head fit=3,batch=16',
      'factorize=spatial,rank=4,where=stage1 fit=3,batch=16 quantize=8',
      'hash=0.3 fit=3,batch=16',
      'circulate=4,only=stage1 distill=3,batch=16',
    ]) {
      const { rows } = await compress(net, parseSteps(chain), o);
      expect(rows.at(-1)?.accuracy, chain).to.be.above(0.2);
    }
  });

  for (const [chain, line] of [
    [
      'prune=0.5 channels=0.3',
      /^channels=0\.3 destroys the sparsity that prune=0\.5 made: "stem\/conv:kernel" .*; put it before prune=0\.5, or leave one out$/,
    ],
    [
      'share=8 quantize=8',
      /^quantize=8 destroys the sharing that share=8 made: "stem\/conv:kernel" is no longer shared, but quantized; /,
    ],
    ['share=8 fold', /^fold destroys the sharing that share=8 made: /],
    [
      'quantize=8,activations=0 share=8',
      /^share=8 destroys the integers that quantize=8,activations=0 made: /,
    ],
    [
      'factorize=svd,rank=4,where=stage1 circulate=4,only=head circulate=2,only=head',
      /^circulate=2,only=head destroys the sharing that circulate=4,only=head made: .* has \d+ shared values instead of \d+; /,
    ],
  ] as const) {
    it(`stops ${chain}: what one step made the other would destroy`, async () => {
      expect(await said(compress(net, parseSteps(chain), o))).to.match(line);
    });
  }

  it('refuses steps that need data when there is none, before the first one runs', async () => {
    expect(await said(compress(net, parseSteps('prune=0.5 quantize=8'), { runs: 0 }))).to.equal(
      'quantize=8 needs data, to calibrate values; say which dataset',
    );
    expect(await said(compress(net, parseSteps('fit=3'), { runs: 0 }))).to.equal(
      'fit=3 needs data, to train; say which dataset',
    );
    const { rows } = await compress(net, parseSteps('quantize=8,activations=0'), { runs: 0 });
    expect(rows[1]?.accuracy).to.equal(null);
  });

  it('is the same again with the same seed (law 7)', async () => {
    const steps = parseSteps('prune=0.5 fit=5,batch=16 share=8');
    const [a, b] = [await compress(net, steps, o), await compress(net, steps, o)];
    expect([...(a?.net.weights ?? [])]).to.deep.equal([...(b?.net.weights ?? [])]);
  });
});

describe('contracts', () => {
  it('say what is broken', () => {
    const thin = pruneWeights(net, 0.5);
    const sparsity = sparsityContract(thin, 'prune');
    expect(sparsity.broken(thin)).to.equal(undefined);
    expect(sparsity.broken(net)).to.match(/^"stem\/conv:kernel" has \d+ weights that were zero$/);
    expect(messageOf(() => checkContracts([sparsity], net, 'step'), MoonletError)).to.match(
      /^step destroys the sparsity that prune made: /,
    );
    const shared = shareWeights(net, { clusters: 8 });
    expect(sharingContract(shared, 'share').broken(shared)).to.equal(undefined);
    expect(sharingContract(shared, 'share').broken(net)).to.equal(
      '"stem/conv:kernel" is no longer shared, but float32',
    );
  });
});

describe('a search', () => {
  it('meets bytes by the mildest chain, multiply-adds by channels', async () => {
    const bytes = bytesOf(net);
    const mild = await search(net, { maxBytes: Math.round(0.6 * bytes) }, o);
    expect(mild.steps.map(printStep)).to.deep.equal(['half']);
    const strong = await search(net, { maxBytes: Math.round(0.15 * bytes) }, o);
    expect(strong.rows.at(-1)?.bytes).to.be.at.most(0.15 * bytes);
    expect(strong.steps.at(-1)?.step).to.equal('huffman');
    const first = mild.rows[0]?.macs as number;
    const cheap = await search(net, { maxMacs: Math.round(0.6 * first) }, o);
    const fewer = pruneChannels(net, { macs: Math.round(0.6 * first) }); // in multiples of 8
    expect(cheap.rows.at(-1)?.macs)
      .to.equal(cost(fewer.net.graph).macs)
      .and.to.be.at.most(0.6 * first);
    expect((await search(net, { maxBytes: bytes }, o)).steps).to.deep.equal([]);
  });

  it('with a drop alone goes as far as it allows', async () => {
    const found = await search(net, { maxDrop: 0.02 }, o);
    expect(found.steps.length).to.be.above(0);
    expect(found.rows.at(-1)?.bytes).to.be.below(bytesOf(net) / 3);
  });

  it('goes to widths of any number where those that run fast are not enough', async () => {
    const fewest = await said(Promise.resolve().then(() => pruneChannels(net, { macs: 1 })));
    const least = Number(fewest.match(/multiples of 8 is (\d+)/)?.[1]);
    const found = await search(net, { maxMacs: least - 1 }, o);
    expect(found.steps[0]).to.deep.include({ step: 'channels', roundTo: 1 });
    expect(found.rows.at(-1)?.macs).to.be.below(least);
  });

  it('that cannot succeed says so in a line, with the nearest', async () => {
    expect(await said(search(net, { maxBytes: 10 }, o))).to.match(
      /^corners: no chain of steps meets 10 bytes; the last that was tried has \d+ bytes, \d+ macs and a drop of -?\d\.\d{4}; allow more$/,
    );
    expect(await said(search(net, { maxMacs: 1 }, o))).to.match(
      /^corners: macs cannot come down to 1 by pruning; the least that can be reached is \d+$/,
    );
    expect(await said(search(net, { maxBytes: 10 }, { runs: 0 }))).to.equal(
      'a search for a budget needs data, to measure what is lost; say which dataset',
    );
  });
});

async function said(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (e) {
    if (e instanceof MoonletError) return e.message;
    throw e;
  }
  throw new Error('expected a refusal');
}

describe('the examples that compression holds out', () => {
  const data = (count: number): Dataset => ({
    ...{ name: 'mine', shape: [2, 2, 1], classes: 2, classNames: ['a', 'b'], mean: 0, std: 1 },
    train: {
      count,
      pixels: new Uint8Array(4 * count),
      labels: Uint8Array.from({ length: count }, (_, i) => i % 2),
    },
    test: { count: 1, pixels: new Uint8Array(4), labels: new Uint8Array(1) },
  });
  it('are a tenth of them, 1,000 at most, and what is asked for', () => {
    expect([10, 400, 60_000].map((n) => heldOutOf(data(n), {}))).to.deep.equal([1, 40, 1000]);
    expect([heldOutOf(data(400), { heldOut: 100 }), heldOutOf(data(400), { heldOut: 1000 })]).to.deep.equal([
      100, 399,
    ]);
  });
});
