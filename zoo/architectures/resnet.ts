/**
 * @file ResNet for ImageNet. He, Zhang, Ren and Sun, CVPR 2016, arXiv:1512.03385, table 1.
 * Deviation: in the bottleneck the stride stands on the 3x3 conv (called v1.5), as every current release has it.
 */
import {
  architecture,
  around,
  type Block,
  bottleneck,
  common,
  convNorm,
  convNormAct,
  dropPathOption,
  image,
  repeat,
  residual,
  stochasticDepth,
} from '../../src/compose/index.ts';

const paper = {
  title: 'Deep Residual Learning for Image Recognition',
  authors: 'He, Zhang, Ren, Sun',
  year: 2016,
  arxiv: '1512.03385',
};

const basic = (width: number, stride: number, dropPath: number): Block =>
  residual(
    width,
    (x) =>
      x
        .pipe('first', convNormAct(width, { kernel: 3, stride }))
        .pipe('second', convNorm(width, { kernel: 3 })),
    { stride, dropPath },
  );
/** Four times as wide outside as inside. */
const deep = (width: number, stride: number, dropPath: number): Block =>
  residual(4 * width, bottleneck(4 * width, { reduce: 4, stride }), { stride, dropPath });

/** Table 1: conv2_x to conv5_x are our stages 1 to 4, of widths 64 to 512; all but the first halve the map. */
const resnet = (
  name: string,
  block: (width: number, stride: number, dropPath: number) => Block,
  repeats: readonly [number, number, number, number],
) =>
  architecture({
    name,
    paper,
    options: { dropPath: dropPathOption, ...common({ classes: 1000, size: 224 }) },
    net: ({ dropPath, classes, size, channels }) => {
      let place = 0;
      const blocks = repeats.reduce((sum, n) => sum + n, 0);
      const rate = (): number => stochasticDepth(dropPath, place++, blocks);
      return repeats
        .reduce(
          (x, n, i) =>
            x.stack(
              `stage${i + 1}`,
              repeat(n, (j) => block(64 * 2 ** i, i && !j ? 2 : 1, rate())),
            ),
          image(size, channels).pipe('stem', (x) =>
            convNormAct(64, { kernel: 7, stride: 2 })(x).maxPool({ size: 3, stride: 2, padding: around(3) }),
          ),
        )
        .pipe('head', (x) => x.globalPool().dense(classes));
    },
  });

export const resnet18 = resnet('resnet-18', basic, [2, 2, 2, 2]);
export const resnet34 = resnet('resnet-34', basic, [3, 4, 6, 3]);
export const resnet50 = resnet('resnet-50', deep, [3, 4, 6, 3]);
