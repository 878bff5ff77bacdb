/**
 * @file A small detector with a proposal step, in the manner of R-FCN. Dai, Li, He, Sun, NIPS 2016, arXiv:1605.06409: all
 * weights lie in convs of the whole image, and what crops do is voting, so that the net is one graph.
 *
 * Outputs, on a map of a fourth of the image's size: for each anchor whether something is there (one logit) and where
 * (4 offsets); then, for bins x bins bins, the logits of ground and classes, and 4 offsets, that proposals are cropped from.
 * Deviations: a net of a few small stages instead of ResNet-101, and boxes for all classes together, as in their code.
 */
import { architecture, convNormAct, image, whole } from '../../src/compose/index.ts';
import { problem, sizes, stages, stem, widths } from './scene-stages.ts';

export const detector = architecture({
  name: 'detector',
  paper: {
    title: 'R-FCN: Object Detection via Region-based Fully Convolutional Networks',
    authors: 'Dai, Li, He, Sun',
    year: 2016,
    arxiv: '1605.06409',
  },
  options: {
    ...widths,
    bins: whole({ doc: 'bins of a crop along each axis', default: 3, min: 1, max: 7 }),
    anchors: whole({ doc: 'anchor boxes at each position', default: 6, min: 1, max: 64 }),
    ...sizes,
  },
  problem,
  net: ({ width, depth, bins, anchors, classes, size, channels }) => {
    const features = stages(stem(image(size, channels), width), width, depth);
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
