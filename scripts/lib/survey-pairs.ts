/**
 * @file Pairs of nets, each for one claim of a paper on compact networks: the net that the claim is about, and the one that the
 * paper compares it with. All stand in one skeleton, so that nothing differs but the unit: a 3x3 conv, three stages of two or
 * more units at w, 2w and 4w channels, and a dense layer after the mean of all places.
 */

import {
  type Block,
  chain,
  collaborative,
  concatRelu,
  convNorm,
  convNormAct,
  depthwise,
  depthwiseSeparable,
  expander,
  fire,
  graph,
  grouped,
  image,
  interleaved,
  invertedResidual,
  repeat,
  residual,
  stochasticDepth,
} from '../../src/compose/index.ts';
import type { Graph } from '../../src/graph/index.ts';
import { cost } from '../../src/read/index.ts';

/** A unit to so many channels; `depth` is which of how many units of the net it is. */
type Unit = (out: number, stride: number, depth: readonly [i: number, n: number]) => Block;

interface Side {
  readonly what: string;
  readonly graph: Graph;
}
export interface SurveyPair {
  readonly id: string;
  /** The survey's number of the work, where it is known. */
  readonly ref?: number;
  readonly work: string;
  readonly claim: string;
  /** `better`: the first net is more accurate. `equal`: it loses nothing, with fewer parameters, products or milliseconds. */
  readonly kind: 'better' | 'equal';
  /** How many points the claim says that the first net loses; 0 by default. */
  readonly loses?: number;
  readonly one: Side;
  readonly other: Side;
}

function net(name: string, unit: Unit, w: number, units = 2): Graph {
  const all = 3 * units;
  const y = [w, 2 * w, 4 * w]
    .reduce(
      (x, out, stage) =>
        x.stack(
          `stage${stage + 1}`,
          repeat(units, (j) => unit(out, stage && !j ? 2 : 1, [stage * units + j, all])),
        ),
      image(28, 1).pipe('stem', convNormAct(w, { kernel: 3 })),
    )
    .pipe('head', (x) => x.globalPool().dense(10));
  return graph(name, y);
}
/** The width, a multiple of `step`, whose net costs nearest to the budget. */
function within(
  name: string,
  unit: Unit,
  { step, budget, by }: { step: number; budget: Graph; by: 'macs' | 'params' },
): Graph {
  const target = cost(budget)[by];
  const nets = repeat(Math.floor(192 / step), (i) => net(name, unit, step * (i + 1)));
  const far = (g: Graph): number => Math.abs(cost(g)[by] - target);
  return nets.reduce((a, b) => (far(b) < far(a) ? b : a));
}

const plain: Unit = (out, stride) => convNormAct(out, { kernel: 3, stride });
const separable: Unit = (out, stride) => depthwiseSeparable(out, { stride });
const smaller =
  (stride: number): Block =>
  (x) =>
    stride === 1 ? x : x.maxPool({ size: 3, stride, padding: 'same' });
const fires: Unit = (out, stride) => chain(smaller(stride), fire(out / 8, out / 2, { norm: true }));
const inverted: Unit = (out, stride) => invertedResidual(out, { expand: 6, stride });
/** The inverted residual with an activation after the projection, which the paper found to be worse. */
const invertedRelu: Unit = (out, stride) => chain(inverted(out, stride, [0, 1]), (x) => x.act('relu6'));
const shuffled =
  (groups: number, mixes: boolean): Unit =>
  (out, stride) =>
    residual(
      out,
      chain(
        convNormAct(out / 4, { groups }),
        (x) => (mixes ? x.shuffle(groups) : x),
        depthwise({ stride, act: 'none' }),
        convNorm(out, { groups }),
      ),
      { stride },
    );
/** Half of the channels pass by; at stride 2 both halves are made. */
const split: Unit = (out, stride) => (x) => {
  const half = out / 2;
  const right = chain(convNormAct(half), depthwise({ stride, act: 'none' }), convNormAct(half));
  const left = chain(depthwise({ stride, act: 'none' }), convNormAct(half));
  const joined =
    stride === 1 && x.channels === out
      ? x.slice(0, half).concat(x.slice(half, out).pipe('right', right))
      : x.pipe('left', left).concat(x.pipe('right', right));
  return joined.shuffle(2);
};
const interleave: Unit = (out, stride) => interleaved(out, out / 4, { stride });
const mirrored: Unit = (out, stride) => (x) =>
  x
    .conv(out / 2, { kernel: 3, stride, padding: [1, 1, 1, 1] })
    .norm()
    .pipe('both', concatRelu());
const sparse: Unit = (out, stride) => (x) =>
  x
    .pipe('sparse', expander(out, x.channels / 4, { stride, padding: [1, 1, 1, 1] }))
    .norm()
    .relu();
const inGroups: Unit = (out, stride) => grouped(out, 4, { stride });
/** As in the paper, the conv alone is gated, and what follows it comes after the product. */
const gated: Unit = (out, stride) => (x) =>
  x
    .pipe(
      'gated',
      collaborative((y) => y.conv(out, { kernel: 3, stride, padding: [1, 1, 1, 1] }), { stride }),
    )
    .norm()
    .relu();
const shifts: Unit = (out, stride) =>
  residual(
    out,
    chain(convNormAct(out), (x) => x.shift(3), convNorm(out, { stride })),
    { stride },
  );
const filters: Unit = (out, stride) =>
  residual(out, chain(convNormAct(out), depthwise({ stride, act: 'none' }), convNorm(out)), { stride });
const dropped =
  (rate: number): Unit =>
  (out, stride, [i, n]) =>
    residual(out, chain(convNormAct(out, { kernel: 3, stride }), convNorm(out, { kernel: 3 })), {
      stride,
      dropPath: stochasticDepth(rate, i, n),
    });

const base = net('plain', plain, 16);
const side = (what: string, graph: Graph): Side => ({ what, graph });
const baseline = side('3x3 convs', base);
const shuffleNet = net('shuffle', shuffled(4, true), 64);

export const surveyPairs: readonly SurveyPair[] = [
  {
    id: 'fire',
    ref: 124,
    work: 'SqueezeNet',
    claim: 'Fire modules are as accurate as 3x3 convs with a fraction of the parameters.',
    kind: 'equal',
    one: side('fire modules of the same widths', net('fire', fires, 16)),
    other: baseline,
  },
  {
    id: 'separable',
    ref: 125,
    work: 'MobileNet',
    claim: 'Depthwise separable convs lose about a point with 8 to 9 times fewer products.',
    kind: 'equal',
    loses: 1,
    one: side('depthwise separable convs of the same widths', net('separable', separable, 16)),
    other: baseline,
  },
  {
    id: 'separable-wide',
    ref: 125,
    work: 'MobileNet',
    claim: 'At equal products, depthwise separable convs are better than fewer 3x3 convs.',
    kind: 'better',
    one: side(
      'wider depthwise separable convs',
      within('separable', separable, { step: 2, budget: base, by: 'macs' }),
    ),
    other: baseline,
  },
  {
    id: 'inverted',
    ref: 126,
    work: 'MobileNetV2',
    claim: 'A linear bottleneck is better than one with an activation.',
    kind: 'better',
    one: side('linear bottlenecks', net('inverted', inverted, 8)),
    other: side('with relu6 after them', net('inverted-relu', invertedRelu, 8)),
  },
  {
    id: 'shuffle',
    ref: 127,
    work: 'ShuffleNet',
    claim: 'Grouped 1x1 convs need the channel shuffle.',
    kind: 'better',
    one: side('4 groups with shuffles', shuffleNet),
    other: side('4 groups without', net('groups', shuffled(4, false), 64)),
  },
  {
    id: 'split',
    ref: 128,
    work: 'ShuffleNetV2',
    claim: 'At equal products, the channel split is more accurate than grouped 1x1 convs, and faster.',
    kind: 'better',
    one: side('channel split', within('split', split, { step: 2, budget: shuffleNet, by: 'macs' })),
    other: side('grouped 1x1 convs', shuffleNet),
  },
  {
    id: 'interleaved',
    ref: 129,
    work: 'IGC',
    claim: 'At equal parameters, interleaved group convs are wider and more accurate than 3x3 convs.',
    kind: 'better',
    one: side(
      'interleaved group convs',
      within('interleaved', interleave, { step: 4, budget: base, by: 'params' }),
    ),
    other: baseline,
  },
  {
    id: 'crelu',
    work: 'CReLU',
    claim: 'Half of the filters, each with both signs of its result, are as accurate.',
    kind: 'equal',
    one: side('half of the filters, mirrored', net('mirrored', mirrored, 16)),
    other: baseline,
  },
  {
    id: 'expander',
    work: 'X-Net',
    claim: 'Random connections to a fourth of the channels are better than four groups.',
    kind: 'better',
    one: side('random connections', net('expander', sparse, 16)),
    other: side('4 groups', net('grouped', inGroups, 16)),
  },
  {
    id: 'collaborative',
    work: 'LCCL',
    claim: 'A low-cost layer that predicts zeros costs no accuracy.',
    kind: 'equal',
    one: side('with a collaborative layer', net('collaborative', gated, 16)),
    other: baseline,
  },
  {
    id: 'shift',
    work: 'Shift',
    claim: 'Shifts of channels replace depthwise filters without a loss.',
    kind: 'equal',
    one: side('shifts', net('shift', shifts, 32)),
    other: side('depthwise filters', net('filters', filters, 32)),
  },
  {
    id: 'stochastic-depth',
    work: 'Stochastic depth',
    claim: 'A deep net that skips blocks in training is more accurate.',
    kind: 'better',
    one: side('38 layers, last rate 0.5', net('dropped', dropped(0.5), 8, 6)),
    other: side('38 layers', net('deep', dropped(0), 8, 6)),
  },
];
