/** @file Nets that end in softmax are trained on their logits, and nets without logits are refused, by every loss that reads them. */

import { expect } from 'chai';
import { ensemble } from '../../src/edit/index.ts';
import { MoonletError } from '../../src/errors.ts';
import { channelsOf, type Graph, nodesById, shapes } from '../../src/graph/index.ts';
import { graph, init, input } from '../../src/index.ts';
import {
  addHead,
  logits,
  lwf,
  neuronSelection,
  one,
  parsingLoss,
  recordedLayers,
  rocket,
  sobolev,
  softTargets,
} from '../../src/learn/distill/index.ts';
import { bind, crossEntropy, type LossMaker } from '../../src/learn/loss/index.ts';
import { gradients, nestedNet } from '../../src/learn/structure/index.ts';
import { classification, detectorLoss, evaluate, type Scale } from '../../src/learn/task/index.ts';
import { adam, type FitOptions, fit } from '../../src/learn/train/index.ts';
import { logitsAt } from '../../src/read/index.ts';
import { materialize, type Net, type WeightKey } from '../../src/weights/index.ts';
import { detector, parser } from '../../zoo/architectures/index.ts';

const scale: Scale = { shape: [4, 4, 1], mean: 0.5, std: 0.3 };
const split = {
  count: 8,
  pixels: Uint8Array.from({ length: 128 }, (_, i) => (i * 67) % 256),
  labels: Uint8Array.from({ length: 8 }, (_, i) => i % 4),
};
type End = 'logits' | 'softmax' | 'sigmoid' | 'hardSigmoid';
const classifier = (end: End, width = 6): Graph => {
  const body = input(4, 4, 1)
    .pipe('stem', (x) => x.conv(3, { kernel: 3 }).relu())
    .pipe('stage1', (x) => x.conv(width, { kernel: 3 }).relu())
    .globalPool()
    .dense(4);
  return graph('small', end === 'logits' ? body : body.act(end));
};
const net = (end: End, seed = 1, width?: number): Net => init(classifier(end, width), { seed });
const o: FitOptions = { steps: 3, batch: 4, rate: 0.05, seed: 2, engine: 'wasm' };

/** Every loss that reads logits, and the nets that it needs. */
const losses: readonly (readonly [string, LossMaker])[] = [
  ['crossEntropy', crossEntropy({ labelSmoothing: 0.1 })],
  ['softTargets', softTargets()],
  ['logits', logits()],
  ['sobolev', sobolev()],
  ['lwf', lwf({ old: 'dense' })],
  ['one', one()],
  ['rocket', rocket({ booster: classifier('logits', 8), share: 'stem' })],
  [
    'rocket with a booster that ends in softmax',
    rocket({ booster: classifier('softmax', 8), share: 'stem' }),
  ],
  ['nestedNet', nestedNet([{ ratio: 0.5, masks: new Map(), masked: (n) => n, cut: (n) => n }])],
  ['neuronSelection', neuronSelection({ neurons: [0, 2], mean: [0, 0], deviation: [1, 1] })],
];

describe('a net that ends in softmax', () => {
  for (const [name, loss] of losses) {
    it(`is trained by ${name} as the net of its logits is, whatever its teacher ends in`, async () => {
      const trained = async (end: End, by: End) =>
        fit(net(end), split, scale, {
          ...o,
          losses: [crossEntropy({ weight: 0.5 }), loss].slice(name === 'crossEntropy' ? 1 : 0),
          teacher: net(by, 5),
        });
      const plain = await trained('logits', 'logits');
      for (const [end, by] of [
        ['softmax', 'logits'],
        ['logits', 'softmax'],
        ['softmax', 'softmax'],
      ] as const) {
        const done = await trained(end, by);
        expect(done.history).to.deep.equal(plain.history);
        for (const [key, w] of plain.net.weights)
          expect(materialize(done.net.weights.get(key) ?? w), key).to.deep.equal(materialize(w));
      }
    });
  }

  it('comes to a loss near 0, with the accuracy of its batches reported', async () => {
    const seen: (number | undefined)[] = [];
    const { history, net: done } = await fit(net('softmax'), split, scale, {
      ...{ steps: 300, batch: 8, rate: 0.02, optimizer: adam() },
      onStep: ({ accuracy }) => seen.push(accuracy),
    });
    // softmax of softmax cannot come below ln(e + 3) - 1 = 0.744
    expect(history.loss.at(-1)).to.be.below(0.2);
    expect(seen.at(-1)).to.equal(1);
    const { accuracy } = await evaluate(done, split, scale, { engine: 'wasm' });
    expect(accuracy).to.equal(1);
    expect(done.graph).to.deep.equal(classifier('softmax'));
  });

  it('gives the guesses of its logits in evaluation, and so does one that ends in sigmoid', async () => {
    const guesses = async (end: End) => [
      ...(await evaluate(net(end), split, scale, { engine: 'wasm' })).guesses,
    ];
    const wanted = await guesses('logits');
    for (const end of ['softmax', 'sigmoid'] as const) expect(await guesses(end)).to.deep.equal(wanted);
  });

  it('has the gradients of its logits, which pruning by the data reads', async () => {
    const key: WeightKey = 'stem/conv:kernel';
    const of = async (end: End) =>
      (await gradients(net(end), classification(split, scale), { batch: 4, batches: 1 }))[0]?.get(key);
    expect(await of('softmax')).to.deep.equal(await of('logits'));
  });

  it('is recorded for data-free distillation by its logits', () => {
    expect(recordedLayers(net('softmax'))).to.deep.equal(recordedLayers(net('logits')));
  });

  it('gets a new head beside its logits, and keeps the old ones', () => {
    const teacher = net('softmax');
    const student = addHead(teacher, { name: 'new', classes: 3 });
    const [loss] = bind(student.graph, [lwf()], { teacher }).losses;
    expect([loss?.student, loss?.teacher]).to.deep.equal([['dense'], ['dense']]);
  });
});

describe('a net without logits', () => {
  const said = (fn: string): string =>
    `small: "act" gives probabilities (${fn} at "act"), and losses need logits; make "dense" the output, by withOutput`;
  for (const end of ['sigmoid', 'hardSigmoid'] as const) {
    it(`that ends in ${end} is refused by every loss that reads logits, as student and as teacher`, () => {
      for (const [name, loss] of losses) {
        const options = { teacher: net('logits', 5) };
        if (name !== 'lwf')
          expect(() => bind(classifier(end), [loss], options), name).to.throw(MoonletError, said(end));
      }
      for (const loss of [softTargets(), logits(), sobolev(), lwf({ old: 'dense' })])
        expect(() => bind(classifier('logits'), [loss], { teacher: net(end) })).to.throw(
          MoonletError,
          said(end),
        );
      expect(() => bind(classifier(end), [lwf({ old: 'act' })], { teacher: net('logits') })).to.throw(
        MoonletError,
        said(end),
      );
      const booster = classifier(end, 8);
      expect(() => bind(classifier('logits'), [rocket({ booster, share: 'stem' })])).to.throw(
        MoonletError,
        said(end),
      );
    });
  }
  it('whose softmax stands farther back, or twice, is refused too', () => {
    const far = graph('far', input(1, 1, 4).conv(3).act('softmax').flatten());
    expect(() => logitsAt(far)).to.throw(
      MoonletError,
      'far: "flatten" gives probabilities (softmax at "act"), and losses need logits; make "conv" the output, by withOutput',
    );
    const twice = graph('twice', input(4).dense(3).act('softmax').act('softmax'));
    expect(() => logitsAt(twice)).to.throw(
      MoonletError,
      'twice: "act" gives probabilities (softmax at "act")',
    );
  });
  it('may end in other activations, such as the relu of SqueezeNet', () => {
    for (const fn of ['relu', 'tanh'] as const)
      expect(logitsAt(graph('end', input(4).dense(3).act(fn)))).to.equal('act');
  });

  /** The graph with an activation behind one of its outputs. */
  const squashed = (g: Graph, at: string, fn: 'sigmoid' | 'softmax'): Graph => ({
    ...g,
    nodes: [...g.nodes, { id: 'squashed', op: { kind: 'act', fn }, inputs: [at] }],
    outputs: g.outputs.map((id) => (id === at ? 'squashed' : id)),
  });
  it('is refused as a detector or a parser', () => {
    const finds = detector({ size: 32 });
    const [objectness = '', , parts = ''] = finds.outputs;
    for (const [at, fn] of [
      [objectness, 'sigmoid'],
      [parts, 'softmax'],
    ] as const)
      expect(() => detectorLoss({ classes: 10 })({ student: squashed(finds, at, fn) })).to.throw(
        MoonletError,
        `"squashed" gives probabilities (${fn} at "squashed"), and losses need logits; make "${at}" the output, by withOutput`,
      );
    const parses = parser({ width: 2, depth: 1, size: 32 });
    const head = parses.outputs.find((id) => id.startsWith('head/segmentation')) ?? '';
    const end = nodesById(parses).get(head);
    expect(channelsOf(shapes(parses).get(head) ?? [0])).to.equal(11);
    const renamed: Graph = {
      ...parses,
      nodes: [
        ...parses.nodes.filter((n) => n.id !== head),
        { ...(end as NonNullable<typeof end>), id: 'last' },
        { id: head, op: { kind: 'act', fn: 'softmax' }, inputs: ['last'] },
      ],
    };
    expect(() => parsingLoss({ classes: 10 })({ student: renamed })).to.throw(
      MoonletError,
      `"${head}" gives probabilities (softmax`,
    );
  });
});

describe('an ensemble as a teacher', () => {
  it('of nets that end in softmax has the mean of their logits', async () => {
    const members = (end: End) => [net(end, 1), net(end, 2)];
    const losses = [softTargets()];
    const of = async (end: End) =>
      (await fit(net('logits', 3), split, scale, { ...o, losses, teacher: ensemble(members(end)) })).history
        .loss;
    expect(await of('softmax')).to.deep.equal(await of('logits'));
  });
});
