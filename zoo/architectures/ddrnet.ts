/**
 * @file DDRNet-23-slim, semantic segmentation by two branches. Hong et al. 2021, arXiv:2101.06085, table 1 and figures 4 and 5: from
 * stage 3 on a branch of an eighth of the image's sides stands beside the usual one, and they exchange their maps; the pyramid
 * (DAPPM, section 3.3) pools the last map. The result has the logits of each class at every pixel.
 * Deviations from the official code: convs before norms have no biases, and average pools do not count their padding.
 */
import {
  architecture,
  common,
  convNormAct,
  image,
  round8,
  sidesOf,
  widthOption,
} from '../../src/compose/index.ts';
import { basic, deep, exchange, pair, preConv, pyramid, strided } from './ddrnet-blocks.ts';

export const ddrnet23Slim = architecture({
  name: 'ddrnet-23-slim',
  paper: {
    title: 'Deep Dual-resolution Networks for Real-time and Accurate Semantic Segmentation of Road Scenes',
    authors: 'Hong, Pan, Sun, Jia',
    year: 2021,
    arxiv: '2101.06085',
  },
  options: { width: widthOption(), ...common({ classes: 19, size: 1024 }) },
  net: ({ width, classes, size, channels }) => {
    const w = round8(32 * width);
    const two = image(size, channels)
      .pipe('stem', (x) => x.pipe('first', convNormAct(w, strided)).pipe('second', convNormAct(w, strided)))
      .stack('stage1', [(x) => basic(w)(x).relu(), basic(w)])
      .stack('stage2', pair(2 * w, 2));
    const three = exchange(
      'stage3',
      two.stack('stage3', pair(4 * w, 2)),
      two.stack('stage3/high', pair(2 * w)),
      [4 * w],
    );
    const four = exchange(
      'stage4',
      three[0].stack('stage4', pair(8 * w, 2)),
      three[1].stack('stage4/high', pair(2 * w)),
      [4 * w, 8 * w],
    );
    const [low, high] = [four[0].relu(), four[1].relu()];
    const detail = high.pipe('stage5/high', deep(2 * w));
    const context = low.pipe('stage5/0', deep(8 * w, 2)).pipe('head/pyramid', pyramid(4 * w, 4 * w));
    return detail.add(context.resize([detail.shape[0], detail.shape[1]])).pipe('head', (x) =>
      x
        .pipe('deep', preConv(2 * w, 3))
        .pipe('classes', (y) => y.norm().relu().conv(classes, { bias: true }))
        .resize(sidesOf(size)),
    );
  },
});
