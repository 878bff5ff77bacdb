/**
 * @file A parser of scenes with one task, segmentation: the front-end of PAD-Net (pad-net.ts) with one head. What a
 * multi-task net is held against, and the teacher and student of cross-modal transfer.
 */
import { architecture, image } from '../../src/compose/index.ts';
import { padNet } from './pad-net.ts';
import { frontEnd, predict, problem, sizes, widths } from './scene-stages.ts';

export const parser = architecture({
  name: 'parser',
  paper: padNet.paper,
  options: { ...widths, ...sizes },
  problem,
  net: ({ width, depth, classes, size, channels }) =>
    frontEnd(
      width,
      depth,
    )(image(size, channels)).pipe('head/segmentation/predict', predict('segmentation', classes)),
});
