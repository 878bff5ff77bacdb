/**
 * @file A small detector with a proposal step, in the manner of R-FCN. Dai, Li, He, Sun, NIPS 2016, arXiv:1605.06409: all
 * weights lie in convs of the whole image, and what crops do is voting, so that the net is one graph.
 *
 * Outputs, on a map of a fourth of the image's size: for each anchor whether something is there (one logit) and where
 * (4 offsets); then, for bins x bins bins, the logits of ground and classes, and 4 offsets, that proposals are cropped from.
 * Deviations: a net of a few small stages instead of ResNet-101, and boxes for all classes together, as in their code.
 */
import {
  architecture,
  type Block,
  common,
  convNorm,
  convNormAct,
  input,
  repeat,
  residual,
  whole,
} from '../../src/build/index.ts';

/** Two 3x3 convs beside a shortcut. */
export const basic = (out: number, stride = 1): Block =>
  residual(
    out,
    (x) =>
      x.pipe('first', convNormAct(out, { kernel: 3, stride })).pipe('second', convNorm(out, { kernel: 3 })),
    { stride },
  );

export const detector = architecture({
  name: 'detector',
  paper: {
    title: 'R-FCN: Object Detection via Region-based Fully Convolutional Networks',
    authors: 'Dai, Li, He, Sun',
    year: 2016,
    arxiv: '1605.06409',
  },
  options: {
    width: whole({
      doc: 'channels of the stem; stages have 2 and 4 times as many',
      default: 8,
      min: 1,
      max: 256,
    }),
    depth: whole({ doc: 'blocks of stage2', default: 2, min: 1, max: 32 }),
    bins: whole({ doc: 'bins of a crop, high and wide', default: 3, min: 1, max: 7 }),
    anchors: whole({ doc: 'boxes at each cell', default: 6, min: 1, max: 64 }),
    ...common({ classes: 10, size: 64, channels: 1 }),
  },
  problem: ({ size }) => (size % 4 ? `size must be a multiple of 4, got ${size}` : undefined),
  net: ({ width, depth, bins, anchors, classes, size, channels }) => {
    const features = input(size, size, channels)
      .pipe('stem', convNormAct(width, { kernel: 3, stride: 2 }))
      .stack('stage1', [basic(2 * width, 2)])
      .stack(
        'stage2',
        repeat(depth, () => basic(4 * width)),
      );
    const seen = features.pipe('proposals/hidden', convNormAct(4 * width, { kernel: 3 }));
    const parts = bins ** 2;
    return [
      seen.pipe('proposals/objectness', (x) => x.conv(anchors, { bias: true })),
      seen.pipe('proposals/offsets', (x) => x.conv(4 * anchors, { bias: true })),
      features.pipe('head/classes', (x) => x.conv(parts * (classes + 1), { bias: true })),
      features.pipe('head/offsets', (x) => x.conv(parts * 4, { bias: true })),
    ];
  },
});
