/**
 * @file ShuffleNet. Zhang, Zhou, Lin and Sun, CVPR 2018, arXiv:1707.01083, table 1.
 * The average pool of a stride-2 unit does not count its padding.
 */
import { item } from '../../src/access.ts';
import {
  architecture,
  around,
  type Block,
  common,
  convNorm,
  convNormAct,
  depthwise,
  image,
  repeat,
  whole,
  widthOption,
} from '../../src/compose/index.ts';

// table 1: channels of stage 2 (our stage 1) by the number of groups; each later stage doubles them
const channelsOf: Readonly<Record<number, number>> = { 1: 144, 2: 200, 3: 240, 4: 272, 8: 384 };
const repeats = [4, 8, 4] as const;

/**
 * Figure 2: group conv to a quarter of the width, shuffle, filter, group conv. A unit of stride 2 concatenates with
 * its average-pooled input, and so makes only what is missing. The very first 1x1 conv has too few channels for groups.
 */
const unit =
  (out: number, groups: number, { stride, grouped }: { stride: number; grouped: boolean }): Block =>
  (x) => {
    const quarter = Math.floor(out / 4);
    const body: Block = (y) =>
      y
        .pipe('narrow', convNormAct(quarter, { groups: grouped ? groups : 1 }))
        .shuffle(groups)
        .pipe('filter', depthwise({ stride, act: 'none' }))
        .pipe('widen', convNorm(stride === 1 ? out : out - x.channels, { groups }));
    if (stride === 1) return x.residual(body).relu();
    return body(x)
      .concat(x.avgPool({ size: 3, stride, padding: around(3) }))
      .relu();
  };

/** Channels of the stem and of the three stages. */
const widths = (width: number, groups: number): readonly [stem: number, ...stages: number[]] => [
  Math.floor(24 * width),
  ...repeats.map((_, i) => Math.floor((channelsOf[groups] ?? 0) * 2 ** i * width)),
];
const divides = (width: number, groups: number): boolean => {
  const [stem, ...stages] = widths(width, groups);
  const before = [stem, ...stages];
  return (
    stem > 0 &&
    stages.every((c, i) =>
      [Math.floor(c / 4), c - item(before, i), c].every((n) => n > 0 && n % groups === 0),
    )
  );
};

export const shufflenetV1 = architecture({
  name: 'shufflenet-v1',
  paper: {
    title: 'ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices',
    authors: 'Zhang, Zhou, Lin, Sun',
    year: 2018,
    arxiv: '1707.01083',
  },
  options: {
    width: widthOption(),
    groups: whole({ doc: 'groups of the 1x1 convs: 1, 2, 3, 4 or 8', default: 3, min: 1, max: 8 }),
    ...common({ classes: 1000, size: 224 }),
  },
  problem: ({ width, groups }) => {
    if (!channelsOf[groups])
      return `groups must be one of ${Object.keys(channelsOf).join(', ')}, got ${groups}`;
    const fits = divides(width, groups);
    return fits
      ? undefined
      : `width=${width} gives channels that do not divide into ${groups} groups; try width=1`;
  },
  net: ({ width, groups, classes, size, channels }) => {
    const [stem, ...stages] = widths(width, groups);
    return stages
      .reduce(
        (x, c, i) =>
          x.stack(
            `stage${i + 1}`,
            repeat(item(repeats, i), (j) => unit(c, groups, { stride: j ? 1 : 2, grouped: i + j > 0 })),
          ),
        image(size, channels).pipe('stem', (x) =>
          convNormAct(stem, { kernel: 3, stride: 2 })(x).maxPool({ size: 3, stride: 2, padding: around(3) }),
        ),
      )
      .pipe('head', (x) => x.globalPool().dense(classes));
  },
});
