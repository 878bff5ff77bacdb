/** @file What edits are called with from JavaScript: wrong values are refused with what, where, what was got, the remedy. */
import { expect } from 'chai';
import { ratiosWithin } from '../../src/edit/index.ts';
import * as core from '../../src/index.ts';
import { blocks, graph, init, input, UsageError } from '../../src/index.ts';

const net = init(
  graph(
    'small',
    input(8, 8, 3)
      .pipe('stage1', blocks.convNormAct(16, { kernel: 3 }))
      .pipe('stage2', blocks.convNormAct(16, { kernel: 3, stride: 2 }))
      .globalPool()
      .dense(4),
  ),
);

/** How each edit is called, and wrong ways to call it. A way changes one argument: [index, value, the message]. */
interface Called {
  readonly right: readonly unknown[];
  /** Where its options stand, and one of them with a value that it cannot have. */
  readonly options?: readonly [index: number, name: string, wrong: unknown];
  readonly wrong?: readonly (readonly [index: number, value: unknown])[];
}
const wide = [
  [1, { stage1: '2x' }],
  [1, { stage1: 0 }],
  [1, { stage1: 1.5 }],
  [1, { stage1: Number.NaN }],
  [1, { stage1: null }],
  [1, 'stage1=x2'],
  [1, { stage9: 'x2' }],
] as const;
const target = [
  [1, { ratio: Number.NaN }],
  [1, { ratio: '0.5' }],
  [1, { ratio: 1 }],
  [1, { rato: 0.5 }],
  [1, { ratio: 0.5, macs: 10 }],
  [1, {}],
  [1, 0.5],
  [1, { macs: Number.POSITIVE_INFINITY }],
] as const;
const measure = async (): Promise<number> => 1;
const ranges = [
  [1, [0.5, Number.NaN]],
  [1, [0.2, 0.5]],
  [1, 0.5],
  [1, ['0.5']],
] as const;
const grown = core.widen(net, { stage1: 'x1.5' });

const edits: Readonly<Record<string, Called>> = {
  addUnits: { right: [net, { stage1: 'x1.5' }, {}], options: [2, 'into', 'all'], wrong: wide },
  channelSensitivity: {
    right: [net, measure, {}],
    options: [2, 'ratios', [2]],
    wrong: [[1, 3]],
  },
  cheapen: { right: [net.graph, 'G(4)'], wrong: [[1, 4]] },
  circulate: { right: [net, {}], options: [1, 'block', Number.NaN] },
  connect: {
    right: [net, 'stage1', 'stage2', {}],
    options: [3, 'by', 'mul'],
    wrong: [
      [1, 1],
      [2, null],
    ],
  },
  copyChannels: { right: [net, new Map(), {}], options: [2, 'noise', '1'], wrong: [[1, { 3: 1 }]] },
  deepen: {
    right: [net, 'stage1', 1, {}],
    options: [3, 'kind', 'blok'],
    wrong: [
      [1, 1],
      [2, '1'],
      [2, Number.NaN],
      [2, 0],
    ],
  },
  enlarge: {
    right: [net, 'stage1', 5],
    wrong: [
      [1, undefined],
      [2, '5'],
      [2, Number.NaN],
      [2, 4.5],
    ],
  },
  ensemble: {
    right: [[net, net], 'two'],
    wrong: [
      [0, [net]],
      [0, [net, net.graph]],
      [1, 3],
    ],
  },
  equalize: { right: [net, {}], options: [1, 'rounds', -1] },
  expand: {
    right: [net, { macs: 1e5 }, {}],
    options: [2, 'seed', 'one'],
    wrong: [
      [1, { macs: Number.NaN }],
      [1, { mac: 1e9 }],
      [1, { macs: 1e9, params: 1e9 }],
      [1, 1e9],
    ],
  },
  factorize: {
    right: [net, { method: 'svd', ranks: { rank: 2 } }],
    options: [1, 'method', 'lu'],
    wrong: [
      [1, { method: 'svd' }],
      [1, { ranks: 'vbmf' }],
      [1, { method: 'svd', ranks: { rank: Number.NaN } }],
      [1, { method: 'svd', ranks: { rank: [1, 2, 3] } }],
      [1, { method: 'svd', ranks: { rnk: 2 } }],
      [1, { method: 'svd', ranks: { energy: '0.5' } }],
      [1, { method: 'svd', ranks: 'full' }],
    ],
  },
  grow: {
    right: [net, { macs: 1.5 }, {}],
    options: [2, 'split', 'half'],
    wrong: [
      [1, { macs: Number.NaN }],
      [1, { macs: '1.5' }],
      [1, { mac: 1.5 }],
      [1, { macs: 0.5 }],
      [1, 'stage1'],
      [1, [{ widen: { stage1: '2x' } }]],
      [1, [{ wident: { stage1: 'x2' } }]],
      [1, [{ deepen: 'stage1', by: Number.NaN }]],
    ],
  },
  growTo: {
    right: [net, net.graph, {}],
    options: [2, 'seed', 'one'],
    wrong: [
      [1, undefined],
      [1, net],
      [1, 'small'],
    ],
  },
  hashWeights: { right: [net, {}], options: [1, 'share', 2] },
  mergeCopies: { right: [net, {}], options: [1, 'byGroups', true] },
  narrow: {
    right: [grown],
    wrong: [
      [0, net],
      [1, net.graph],
    ],
  },
  nestChannels: { right: [net, [0.5, 0], {}], options: [2, 'roundTo', 1.5], wrong: ranges },
  nestWeights: { right: [net, [0.5, 0], {}], options: [2, 'scope', 'all'], wrong: ranges },
  permuteChannels: {
    right: [net, 'stage1', {}],
    options: [2, 'order', ['a']],
    wrong: [
      [1, 1],
      [1, undefined],
    ],
  },
  plan: {
    right: [net.graph, { macs: 1.5 }, {}],
    options: [2, 'noise', Number.NaN],
    wrong: [[1, { macs: 1 }]],
  },
  planPruning: { right: [net, {}], options: [1, 'most', Number.NaN] },
  pruneChannels: { right: [net, { ratio: 0.5 }, {}], options: [2, 'scope', 'net'], wrong: target },
  pruneToLatency: {
    right: [net, 2, measure, {}],
    options: [3, 'only', 'stage1'],
    wrong: [
      [1, '2'],
      [2, 2],
    ],
  },
  pruneWeights: {
    right: [net, 0.5, {}],
    options: [2, 'except', [1]],
    wrong: [
      [1, '0.5'],
      [1, Number.NaN],
      [1, 1],
      [1, -0.1],
    ],
  },
  quantize: {
    right: [net, {}],
    wrong: [
      [1, { per: 'layer' }],
      [1, { weights: '8' }],
      [1, { weights: 9 }],
      [1, { clip: 'best' }],
      [1, { activations: Number.NaN }],
      [1, { ranges: {} }],
      [1, null],
    ],
  },
  ratiosWithin: {
    right: [{ base: 1, layers: new Map(), ratios: [0.5] }, 0.1],
    wrong: [
      [1, Number.NaN],
      [1, '0.1'],
    ],
  },
  shareWeights: { right: [net, {}], options: [1, 'start', 'random'] },
  shrink: { right: [net, { threshold: 2 }], options: [1, 'threshold', -1] },
  betweenGroupsZero: { right: [net, new Map()], wrong: [[1, { stage1: 2 }]] },
  splitLayers: { right: [net, new Map()], wrong: [[1, { stage1: 2 }]] },
  weightSensitivity: { right: [net, measure, {}], options: [2, 'ratios', []], wrong: [[1, undefined]] },
  widen: { right: [net, { stage1: 'x2' }, {}], options: [2, 'split', 'halves'], wrong: wide },
  withCollaborative: { right: [net.graph] },
  withConcatRelu: { right: [net.graph] },
  withHead: {
    right: [net, 5, {}],
    options: [2, 'seed', 'one'],
    wrong: [
      [1, 1],
      [1, '5'],
      [1, 2.5],
    ],
  },
  withInput: { right: [net, {}], options: [1, 'size', 'large'] },
  withExpander: {
    right: [net.graph, 0.5],
    wrong: [
      [1, Number.NaN],
      [1, '0.5'],
      [2, 'one'],
    ],
  },
  withShift: { right: [net.graph] },
  withStochasticDepth: {
    right: [net.graph, 0.2],
    wrong: [
      [1, Number.NaN],
      [1, 1.5],
      [1, '0.2'],
    ],
  },
};
/** Exported by the edit room, and no edits that have something to be told: readings, and edits of a net alone. */
const others = [
  'correctBias',
  'foldBottlenecks',
  'foldBranches',
  'foldNorms',
  'sparsityOf',
  'unsplittable',
  'valuesToCalibrate',
  'verifyCertificate',
];

/** What `moonlet` exports by name and in its group of structural edits, and a helper of pruning. */
const exported = { ...core, ...core.structure, ratiosWithin };

/** What a call throws or rejects with. */
async function thrown(name: string, args: readonly unknown[]): Promise<unknown> {
  const edit: unknown = Reflect.get(exported, name);
  if (typeof edit !== 'function') throw new Error(`${name} is not exported`);
  try {
    await Reflect.apply(edit, undefined, args);
    return undefined;
  } catch (e) {
    return e;
  }
}
const withArgument = (args: readonly unknown[], index: number, value: unknown): unknown[] =>
  Object.assign([...args], { [index]: value });
function expectUsage(error: unknown, ...parts: readonly string[]): void {
  expect(error).to.be.instanceOf(UsageError);
  const { message } = error as UsageError;
  for (const part of parts) expect(message).to.include(part);
  expect(message).to.not.match(/\n|undefined is not|reading '/);
}

describe('what edits are called with', () => {
  it('every edit that the core exports is in this table', async () => {
    const room = await import('../../src/edit/index.ts');
    const names = Object.keys(exported).filter(
      (name) => name in room && typeof Reflect.get(exported, name) === 'function',
    );
    expect(names.filter((name) => !(name in edits) && !others.includes(name))).to.deep.equal([]);
  });
  for (const [name, { right, options, wrong = [] }] of Object.entries(edits)) {
    it(name, async () => {
      const fine = await thrown(name, right);
      expect(fine instanceof UsageError ? fine.message : undefined).to.equal(undefined);
      if (name !== 'ratiosWithin' && name !== 'narrow' && name !== 'ensemble')
        for (const first of [undefined, null, 3, {}, right[0] === net ? net.graph : net])
          expectUsage(
            await thrown(name, withArgument(right, 0, first)),
            'the first argument must be a ',
            'got ',
          );
      for (const [index, value] of wrong) expectUsage(await thrown(name, withArgument(right, index, value)));
      if (!options) return;
      const [index, option, value] = options;
      const given = right[index] as object;
      expectUsage(await thrown(name, withArgument(right, index, { ...given, [option]: value })), option);
      const typo = { ...given, [`${option}s`]: value };
      expectUsage(
        await thrown(name, withArgument(right, index, typo)),
        `no option "${option}s". Did you mean "${option}"?`,
        'Known: ',
      );
      for (const none of [null, 3, 'x'])
        expectUsage(await thrown(name, withArgument(right, index, none)), 'its options must be an object');
    });
  }
  it('a width says what was probably meant', () => {
    const error = (width: unknown): string => {
      try {
        core.widen(net, { stage1: width as never });
        return '';
      } catch (e) {
        return (e as Error).message;
      }
    };
    const kind = 'stage1: a width is a whole number of channels, or a factor from 1 up such as "x1.5", got ';
    expect(error('2x')).to.equal(`${kind}"2x"; did you mean "x2"?`);
    expect(error('1.5')).to.equal(`${kind}"1.5"; did you mean "x1.5"?`);
    expect(error('48')).to.equal(`${kind}"48"; did you mean 48?`);
    expect(error('wide')).to.equal(`${kind}"wide"`);
    expect(error(Number.NaN)).to.equal(`${kind}NaN`);
  });
});
