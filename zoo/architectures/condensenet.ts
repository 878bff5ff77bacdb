/**
 * @file CondenseNet-74. Huang, Liu, van der Maaten and Weinberger, CVPR 2018, arXiv:1711.09224, table 2, in its
 * converted form: what learned group convs have become after training, grouped convs of chosen channels.
 * Which channels a group reads is learned and kept as an index; before training the index is a shuffle, which lets each
 * group see features of every earlier layer. The classifier reads the newer half of the features, by an index as well.
 */
import {
  architecture,
  around,
  type Block,
  common,
  type Flow,
  image,
  type Rank,
  repeat,
  whole,
} from '../../src/compose/index.ts';
import { shuffled } from '../../src/graph/index.ts';

// table 2: layers of each dense block, and the growth rate, which doubles with the stage
const stages = [
  [4, 8],
  [6, 16],
  [8, 32],
  [10, 64],
  [8, 128],
] as const;

const preConv =
  (out: number, kernel: number, groups: number): Block =>
  (x) =>
    x.norm().relu().conv(out, { kernel, groups });

/** The channels in the order of their index, at first that of a shuffle. */
const indexed = <R extends Rank>(x: Flow<R>, groups: number): Flow<R> =>
  x.permute(Array.from({ length: x.channels }, (_, j) => shuffled(j, x.channels, groups)));

/** Figure 3: 1x1 group conv to four times the growth, shuffle, 3x3 group conv; concatenated with the input. */
const layer =
  (growth: number, groups: number): Block =>
  (x) =>
    x.concat(
      x
        .pipe('narrow', (y) => preConv(4 * growth, 1, groups)(indexed(y, groups)))
        .shuffle(groups)
        .pipe('filter', preConv(growth, 3, groups)),
    );

export const condensenet = architecture({
  name: 'condensenet',
  paper: {
    title: 'CondenseNet: An Efficient DenseNet using Learned Group Convolutions',
    authors: 'Huang, Liu, van der Maaten, Weinberger',
    year: 2018,
    arxiv: '1711.09224',
  },
  options: {
    groups: whole({
      doc: 'groups of the convs and condensation factor: 1, 2, 4 or 8',
      default: 4,
      min: 1,
      max: 8,
    }),
    ...common({ classes: 1000, size: 224 }),
  },
  problem: ({ groups }) => (8 % groups ? `groups must be 1, 2, 4 or 8, got ${groups}` : undefined),
  net: ({ groups, classes, size, channels }) =>
    stages
      .reduce(
        (x, [n, growth], i) =>
          (i ? x.pipe(`stage${i + 1}/transition`, (y) => y.avgPool({ size: 2, padding: 'valid' })) : x).stack(
            `stage${i + 1}`,
            repeat(n, () => layer(growth, groups)),
          ),
        image(size, channels).pipe('stem', (x) => x.conv(16, { kernel: 3, stride: 2, padding: around(3) })),
      )
      .pipe('head', (x) => {
        const features = x.norm().relu().globalPool();
        return indexed(features.slice(Math.ceil(features.channels / 2), features.channels), 1).dense(classes);
      }),
});
