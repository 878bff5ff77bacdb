/** @file timm's `test_byobnet` (Wightman 2024): one block of each of four kinds, small and pretrained. It is no one's paper. */
import {
  architecture,
  type Block,
  convNorm,
  convNormAct,
  image,
  round8,
  squeezeExcite,
} from '../../src/compose/index.ts';
import { options, paper, pooled } from './timm-test.ts';

/** Two or three convs of a block, each as convNormAct takes it; `squeeze` says after which of them channels are weighed. */
interface Unit {
  readonly out: number;
  readonly convs: readonly { readonly out: number; readonly kernel: number; readonly stride?: number }[];
  readonly squeeze: number;
}
const units: readonly Unit[] = [
  // edge, dark, basic and bottleneck, in timm's words
  {
    out: 32,
    convs: [
      { out: 16, kernel: 3, stride: 2 },
      { out: 32, kernel: 1 },
    ],
    squeeze: 0,
  },
  {
    out: 64,
    convs: [
      { out: 32, kernel: 1 },
      { out: 64, kernel: 3, stride: 2 },
    ],
    squeeze: 1,
  },
  {
    out: 128,
    convs: [
      { out: 32, kernel: 3, stride: 2 },
      { out: 128, kernel: 3 },
    ],
    squeeze: 1,
  },
  {
    out: 256,
    convs: [
      { out: 64, kernel: 1 },
      { out: 64, kernel: 3, stride: 2 },
      { out: 256, kernel: 1 },
    ],
    squeeze: 1,
  },
];
const body =
  ({ convs, squeeze }: Unit): Block =>
  (x) =>
    convs.reduce((y, { out, ...o }, i) => {
      const made = i === convs.length - 1 ? convNorm(out, o) : convNormAct(out, o);
      const z = y.pipe(`conv${i + 1}`, made);
      return i === squeeze ? z.pipe('attention', squeezeExcite(round8(out / 4))) : z;
    }, x);
export const testByobnet = architecture({
  name: 'test-byobnet',
  paper,
  options,
  net: ({ dropout, classes, size, channels }) =>
    units
      .reduce(
        (x, unit, i) => x.pipe(`stage${i + 1}/0`, (y) => y.residual(body(unit), pooled(unit.out, 2)).relu()),
        image(size, channels).pipe('stem', convNormAct(24, { kernel: 3, stride: 2 })),
      )
      .pipe('head', (x) => x.globalPool().dropout(dropout).dense(classes)),
});
