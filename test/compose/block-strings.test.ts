/** @file timm's block strings: what they mean, that they are printed back, and every way in which they are refused. */
import { expect } from 'chai';
import {
  blocksOf,
  chain,
  graph,
  input,
  parseBlock,
  printBlock,
  type SpecContext,
  stagesOf,
} from '../../src/compose/index.ts';
import { UsageError } from '../../src/errors.ts';
import { print } from '../../src/graph/index.ts';
import { cost } from '../../src/read/index.ts';
import { messageOf } from '../support/errors.ts';

// from the tables of MobileNetV2, V3 and V4, MnasNet, EfficientNet, EfficientNet-EdgeTPU and LCNet
const published = [
  'ds_r1_k3_s1_c16',
  'ir_r2_k3_s2_e6_c24',
  'ir_r1_k3_s1_e3.67_c24_nre',
  'ir_r3_k5_s2_e3_c40_se0.25_nre',
  'ds_r1_k3_s2_e1_c16_se0.25_nre',
  'cn_r1_k1_s1_c960',
  'mqa_r1_k3_h4_s1_v2_d64_c160',
  'cn_r1_k3_s2_e1_c32',
  'ds_r1_k3_s1_c16_noskip',
  'ir_r1_k3_s1_e6_c320_noskip',
  'dsa_r2_k5_s2_c512_se0.25',
  'er_r1_k3_s2_e4_c48',
  'uir_r1_a3_k5_s2_e4_c80',
  'uir_r4_a0_k3_s1_e2_c96',
  'uir_r1_a3_k0_s1_e4_c96',
];

describe('a block string', () => {
  it('says a block', () => {
    expect(parseBlock('ir_r3_k5_s2_e2.5_c40_se0.25_nhs_noskip')).to.deep.equal({
      type: 'ir',
      repeats: 3,
      kernel: 5,
      stride: 2,
      expand: 2.5,
      out: 40,
      squeeze: 0.25,
      act: 'hardSwish',
      noskip: true,
    });
    expect(parseBlock('uir_r1_a3_k0_p5_s1_e4_c96_gs8')).to.deep.equal({
      type: 'uir',
      repeats: 1,
      start: 3,
      kernel: 0,
      end: 5,
      stride: 1,
      expand: 4,
      out: 96,
      groupSize: 8,
    });
    expect(parseBlock('cn_r2_k3_s1_c32_skip')).to.include({ type: 'cn', skip: true });
  });

  for (const text of published)
    it(`is printed back: ${text}`, () => expect(printBlock(parseBlock(text))).to.equal(text));

  it('takes its options in any order, and prints them in one', () => {
    const text = 'ir_noskip_c24_se0.25_e6_nre_s2_k3_r2';
    expect(printBlock(parseBlock(text))).to.equal('ir_r2_k3_s2_e6_c24_se0.25_nre_noskip');
    expect(parseBlock(printBlock(parseBlock(text)))).to.deep.equal(parseBlock(text));
  });

  const refused: readonly (readonly [text: string, at: number, reason: string])[] = [
    ['xx_r1_k3_s1_c8', 1, 'no block "xx" (ir, ds, dsa, er, cn, mqa, uir). Did you mean "ir"?'],
    ['IR_r1_k3_s1_e1_c8', 1, 'no block "IR" (ir, ds, dsa, er, cn, mqa, uir). Did you mean "ir"?'],
    ['', 1, 'no block "" (ir, ds, dsa, er, cn, mqa, uir). Did you mean "ir"?'],
    ['mha_r1_k3_h4_s1_d64_c160', 1, '"mha": attention blocks are not built here'],
    ['mqa_r1_k3_h4_s2_d64_c160', 14, 'attention with a stride is not built here'],
    ['ir_r1_k3_s2_e6_c24_cc4', 20, '"cc": conditional convs are not built here'],
    [
      'ir_r1_k3_s2_e6_c24_zz9',
      20,
      'no option "zz" (ir has r, k, s, e, c, se, gs, n, noskip). Did you mean "r"?',
    ],
    ['ir_r1_k3_s2_e6_c24_nxx', 20, 'no activation "xx" (re, r6, hs, sw). Did you mean "re"?'],
    ['ir_r1_k3_s2_e6_c24_c32', 20, '"c" is said twice, first at 16'],
    ['ir_r1_k3_s5_e6_c24', 10, 'the stride is 1 or 2, got 5'],
    ['ir_r1_k4_s1_e6_c24', 7, 'kernels are odd, got 4'],
    ['ir_r1_k3.5_s1_e6_c24', 7, '"k3.5": kernels of several sizes are not built here; give one, such as k3'],
    [
      'ir_r1_k3_s2_e6_c24_skip',
      20,
      '"skip" means nothing for ir, only for cn; leave it out (ir has r, k, s, e, c, se, gs, n, noskip)',
    ],
    [
      'cn_r1_k3_s2_c24_noskip',
      17,
      '"noskip" means nothing for cn, only for ir, ds, er, mqa, uir; leave it out (cn has r, k, s, c, e, gs, n, skip)',
    ],
    [
      'ir_r1_k3_a3_s2_e6_c24',
      10,
      '"a" means nothing for ir, only for uir; leave it out (ir has r, k, s, e, c, se, gs, n, noskip)',
    ],
    [
      'cn_r1_k1_s1_c8_se0.25',
      16,
      '"se" means nothing for cn, only for ir, ds, dsa, er, uir; leave it out (cn has r, k, s, c, e, gs, n, skip)',
    ],
    ['ds_r1_k3_s1_e6_c16', 13, 'ds does not expand; leave "e6" out'],
    ['ir_k3_s1_e6_c24', 16, '"r" is missing; ir needs r, k, s, e, c'],
    ['ir_r1_k3_s1_c24', 16, '"e" is missing; ir needs r, k, s, e, c'],
    ['ir_r1_k3_s1_e6_c24_', 20, 'an option is missing between two "_"'],
    ['ir_r1_k3_s1_e6_c', 16, '"c" takes a whole number, got nothing'],
    ['ir_r1_k3_s1_e6_c2.5', 16, '"c" takes a whole number, got "2.5"'],
    ['ir_r1_k3_s1_ex_c24', 13, 'no option "ex" (ir has r, k, s, e, c, se, gs, n, noskip). Did you mean "e"?'],
    ['ir_r0_k3_s1_e6_c24', 4, '"r" must be above 0'],
    ['ir_r1_k3_s1_e6_c24_se2', 20, '"se" is a share of the channels, up to 1, got 2'],
    ['uir_r1_a0_k0_s2_e4_c8', 14, 'a stride needs a depthwise conv (a, k or p) that takes it'],
  ];
  for (const [text, at, reason] of refused) {
    it(`is refused: ${text}`, () => {
      expect(messageOf(() => parseBlock(text), UsageError)).to.equal(
        `block string "${text}", at ${at}: ${reason}`,
      );
    });
  }
});

describe('the blocks of a string', () => {
  const context: SpecContext = { act: 'relu', squeeze: { units: (ratio, inputs) => ratio * inputs } };
  const built = (text: string, channels = 16) =>
    graph('g', chain(...blocksOf(parseBlock(text), context))(input(8, 8, channels)));
  /** Kernel weights alone. */
  const weights = (text: string): number =>
    cost(built(text)).layers.reduce(
      (n, l) => n + (l.kind === 'conv' || l.kind === 'dense' ? l.params : 0),
      0,
    );

  it('have the weights that their parts have', () => {
    expect(weights('ir_r1_k3_s1_e2_c24')).to.equal(16 * 32 + 9 * 32 + 32 * 24);
    expect(weights('ir_r1_k3_s1_e1_c24')).to.equal(16 * 16 + 9 * 16 + 16 * 24); // expands even by 1, as in timm
    expect(weights('ds_r1_k5_s1_c24')).to.equal(25 * 16 + 16 * 24);
    expect(weights('dsa_r1_k3_s1_c24_gs4')).to.equal(9 * 4 * 16 + 16 * 24);
    expect(weights('er_r1_k3_s1_e2_c24')).to.equal(9 * 16 * 32 + 32 * 24);
    expect(weights('cn_r1_k3_s1_c24')).to.equal(9 * 16 * 24);
    expect(weights('uir_r1_a3_k5_p3_s1_e2_c24')).to.equal(9 * 16 + 16 * 32 + 25 * 32 + 32 * 24 + 9 * 24);
    expect(weights('uir_r1_a0_k0_s1_e2_c24')).to.equal(16 * 32 + 32 * 24);
    expect(weights('ir_r1_k3_s1_e2_c24_se0.25')).to.equal(
      16 * 32 + 9 * 32 + 32 * 24 + 2 * 4 * 32 + 4 + 32, // squeezed units count from the input; biases
    );
  });

  it('give the stride to the first repeat, and sum where shapes allow', () => {
    const sums = (text: string): number => built(text).nodes.filter((n) => n.op.kind === 'add').length;
    expect(cost(built('ir_r3_k3_s2_e2_c16')).layers.at(-1)?.shape).to.deep.equal([4, 4, 16]);
    expect(sums('ir_r3_k3_s2_e2_c16')).to.equal(2);
    expect(sums('ir_r3_k3_s1_e2_c16')).to.equal(3);
    expect(sums('ir_r3_k3_s1_e2_c16_noskip')).to.equal(0);
    expect(sums('dsa_r2_k3_s1_c16')).to.equal(0);
    expect(sums('cn_r2_k3_s1_c16')).to.equal(0);
    expect(sums('cn_r2_k3_s1_c16_skip')).to.equal(2);
  });

  it('put the stride of an uir on one of its filters', () => {
    for (const [text, strided] of [
      ['uir_r1_a3_k5_s2_e2_c16', 'filter'],
      ['uir_r1_a3_k0_s2_e2_c16', 'start'],
      ['uir_r1_a0_k0_p3_s2_e2_c16', 'end'],
    ] as const) {
      const convs = built(text).nodes.filter((n) => n.op.kind === 'conv' && n.op.stride[0] === 2);
      expect(convs.map((n) => n.id)).to.deep.equal([`${strided}/conv`]);
    }
  });

  it('take their activation from the string, else from the net', () => {
    expect(print(built('ir_r1_k3_s1_e2_c24_nhs')))
      .to.contain('hardSwish')
      .and.not.contain('relu');
    expect(print(built('ir_r1_k3_s1_e2_c24')))
      .to.contain('relu')
      .and.not.contain('hardSwish');
  });

  it('stand under their stages, with stochastic depth growing along them', () => {
    const body = stagesOf([['cn_r1_k3_s1_c16_skip'], ['ir_r1_k3_s1_e2_c16', 'ir_r2_k3_s1_e2_c16']], {
      act: 'relu',
      dropPath: 0.4,
    });
    const drops = graph('g', body(input(8, 8, 16))).nodes.flatMap(({ id, op }) =>
      op.kind === 'dropPath' ? [[id, op.rate]] : [],
    );
    expect(drops).to.deep.equal([
      ['stage2/0/dropPath', 0.1],
      ['stage2/1/dropPath', 0.2],
      ['stage2/2/dropPath', 0.30000000000000004],
    ]);
  });
});
