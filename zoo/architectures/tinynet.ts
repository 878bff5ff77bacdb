/**
 * @file TinyNet A to E. Han et al., NeurIPS 2020, arXiv:2010.14819, table 3: EfficientNet-B0 made smaller by resolution first,
 * then depth, then width. As in timm: repeats are rounded to the nearest number, the stem keeps its 32 channels, and the last
 * conv its 1280.
 */
import {
  architecture,
  common,
  convNormAct,
  dropoutOption,
  dropPathOption,
  image,
  round8,
  scaleDepth,
  stagesOf,
} from '../../src/compose/index.ts';
import { squeeze, stages } from './efficientnet.ts';

const act = 'swish';

const tinynet = <const Size extends number>(letter: string, size: Size, depth: number, width: number) =>
  architecture({
    name: `tinynet-${letter}`,
    paper: {
      title: 'Model Rubik’s Cube: Twisting Resolution, Depth and Width for TinyNets',
      authors: 'Han, Wang, Zhang, Zhang, Xu, Zhang',
      year: 2020,
      arxiv: '2010.14819',
    },
    options: {
      dropout: dropoutOption({ default: 0.2 }),
      dropPath: dropPathOption,
      ...common({ classes: 1000, size }),
    },
    net: ({ dropout, dropPath, classes, size, channels }) => {
      const body = stagesOf(
        stages.map((stage) => scaleDepth(stage, depth, Math.round)),
        {
          act,
          dropPath,
          round: (c) => round8(c * width),
          squeeze,
        },
      );
      const stem = convNormAct(32, { kernel: 3, stride: 2, act });
      return body(image(size, channels).pipe('stem', stem)).pipe('head', (x) =>
        x.pipe('mix', convNormAct(1280, { act })).globalPool().dropout(dropout).dense(classes),
      );
    },
  });

// resolution, depth and width multipliers
export const tinynetA = tinynet('a', 192, 1.2, 1);
export const tinynetB = tinynet('b', 188, 1.1, 0.75);
export const tinynetC = tinynet('c', 184, 0.85, 0.54);
export const tinynetD = tinynet('d', 152, 0.695, 0.54);
export const tinynetE = tinynet('e', 106, 0.6, 0.51);
