/**
 * @file The four nets of MLPerf Tiny. Banbury et al., NeurIPS 2021, arXiv:2106.07597, table 2, as in the reference code
 * (mlcommons/tiny, Keras): every conv has a bias, also before a norm, and strided kernels pad as TensorFlow does. Keyword
 * spotting (DS-CNN), visual wake words (MobileNetV1 0.25), images (ResNet-8) and anomalies in sound (an autoencoder).
 */
import { architecture, type Block, common, dropoutOption, image, repeat } from '../../src/compose/index.ts';

const paper = { title: 'MLPerf Tiny Benchmark', authors: 'Banbury et al.', year: 2021, arxiv: '2106.07597' };
const norm = { eps: 1e-3, momentum: 0.99 };
const same = { padding: 'same', bias: true } as const;

const conv =
  (out: number, kernel: number | readonly [number, number], stride = 1, groups = 1): Block =>
  (x) =>
    x.conv(out, { kernel, stride, groups, ...same }).norm(norm);
const separable =
  (out: number, stride = 1): Block =>
  (x) =>
    x
      .pipe('filter', (y) => conv(y.channels, 3, stride, y.channels)(y).relu())
      .pipe('mix', (y) => conv(out, 1)(y).relu());

/** Classes of Speech Commands from 49 frames of 10 coefficients each. */
export const dsCnn = architecture({
  name: 'ds-cnn',
  paper,
  options: {
    dropout: dropoutOption({ default: 0.4 }),
    ...common({ classes: 12, size: '49x10', channels: 1 }),
  },
  net: ({ dropout, classes, size, channels }) =>
    image(size, channels)
      .pipe('stem', (x) => conv(64, [10, 4], 2)(x).relu())
      .stack(
        'stage1',
        repeat(4, () => separable(64)),
      )
      .pipe('head', (x) => x.dropout(dropout).globalPool().dense(classes)),
});

// whether a person is in the picture: channels, stride of the first block, blocks
const stages = [
  [16, 1, 1],
  [32, 2, 2],
  [64, 2, 2],
  [128, 2, 6],
  [256, 2, 2],
] as const;
export const mobilenetV1Vww = architecture({
  name: 'mobilenet-v1-vww',
  paper,
  options: common({ classes: 2, size: 96 }),
  net: ({ classes, size, channels }) =>
    stages
      .reduce(
        (x, [out, stride, n], i) =>
          x.stack(
            `stage${i + 1}`,
            repeat(n, (j) => separable(out, j ? 1 : stride)),
          ),
        image(size, channels).pipe('stem', (x) => conv(8, 3, 2)(x).relu()),
      )
      .pipe('head', (x) => x.globalPool().dense(classes)),
});

const residual =
  (out: number, stride: number): Block =>
  (x) =>
    x
      .residual(
        (y) => y.pipe('first', (z) => conv(out, 3, stride)(z).relu()).pipe('second', conv(out, 3)),
        (y) => (stride === 1 ? y : y.pipe('shortcut', (z) => z.conv(out, { stride, ...same }))),
      )
      .relu();
export const resnet8 = architecture({
  name: 'resnet-8',
  paper,
  options: common({ classes: 10, size: 32 }),
  net: ({ classes, size, channels }) =>
    image(size, channels)
      .pipe('stem', (x) => conv(16, 3)(x).relu())
      .pipe('stage1/0', residual(16, 1))
      .pipe('stage2/0', residual(32, 2))
      .pipe('stage3/0', residual(64, 2))
      .pipe('head', (x) => x.globalPool().dense(classes)),
});

/** Five frames of 128 mel bands, written again: `classes` is the number of outputs. */
export const autoencoder = architecture({
  name: 'autoencoder',
  paper,
  options: {
    ...common({ classes: 640, size: '5x128', channels: 1 }),
  },
  net: ({ classes, size, channels }) => {
    const layer =
      (out: number): Block<'vec'> =>
      (x) =>
        x.dense(out).norm(norm).relu();
    return image(size, channels)
      .pipe('stem', (x) => layer(128)(x.flatten()))
      .stack('stage1', [layer(128), layer(128), layer(128), layer(8)])
      .stack(
        'stage2',
        repeat(4, () => layer(128)),
      )
      .pipe('head', (x) => x.dense(classes));
  },
});
