/**
 * @file ResNeXt. Xie et al., CVPR 2017, arXiv:1611.05431, table 1 (ResNeXt-50, 32x4d) and section 5.3 for CIFAR
 * (ResNeXt-29). Groups of the 3x3 conv are the paper's cardinality; its middle is `groups * width` channels in the
 * first stage and doubles with the output.
 */
import {
  architecture,
  around,
  type Block,
  bottleneck,
  common,
  convNormAct,
  dropPathOption,
  image,
  repeat,
  residual,
  stochasticDepth,
  whole,
} from '../../src/compose/index.ts';

const paper = {
  title: 'Aggregated Residual Transformations for Deep Neural Networks',
  authors: 'Xie, Girshick, Dollar, Tu, He',
  year: 2017,
  arxiv: '1611.05431',
};

interface Shape {
  readonly groups: number;
  /** Channels of a group in the first stage. */
  readonly width: number;
  readonly dropPath: number;
}
/** Stages of `repeats` blocks, the first 256 channels wide; each later one halves the map and doubles the channels. */
const stagesFor =
  (repeats: readonly number[], { groups, width, dropPath }: Shape): Block =>
  (x) => {
    let place = 0;
    const blocks = repeats.reduce((sum, n) => sum + n, 0);
    return repeats.reduce(
      (y, n, i) =>
        y.stack(
          `stage${i + 1}`,
          repeat(n, (j) => {
            const out = 256 * 2 ** i;
            const stride = i && !j ? 2 : 1;
            const rate = stochasticDepth(dropPath, place++, blocks);
            return residual(out, bottleneck(out, { middle: groups * width * 2 ** i, stride, groups }), {
              stride,
              dropPath: rate,
            });
          }),
        ),
      x,
    );
  };

export const resnext50 = architecture({
  name: 'resnext-50',
  paper,
  options: {
    groups: whole({ doc: 'cardinality', default: 32, min: 1, max: 256 }),
    width: whole({ doc: 'channels of a group in the first stage', default: 4, min: 1, max: 256 }),
    dropPath: dropPathOption,
    ...common({ classes: 1000, size: 224 }),
  },
  net: ({ groups, width, dropPath, classes, size, channels }) => {
    const stem = image(size, channels).pipe('stem', (x) =>
      convNormAct(64, { kernel: 7, stride: 2 })(x).maxPool({ size: 3, stride: 2, padding: around(3) }),
    );
    return stagesFor([3, 4, 6, 3], { groups, width, dropPath })(stem).pipe('head', (x) =>
      x.globalPool().dense(classes),
    );
  },
});

export const resnextCifar = architecture({
  name: 'resnext-cifar',
  paper,
  options: {
    depth: whole({ doc: 'layers, 9n + 2', default: 29, min: 11, max: 1001 }),
    groups: whole({ doc: 'cardinality', default: 32, min: 1, max: 256 }),
    width: whole({ doc: 'channels of a group in the first stage', default: 4, min: 1, max: 256 }),
    dropPath: dropPathOption,
    ...common({ classes: 10, size: 32 }),
  },
  problem: ({ depth }) => {
    const near = Math.max(11, 9 * Math.round((depth - 2) / 9) + 2);
    return (depth - 2) % 9
      ? `depth must be 9n + 2 (11, 20, 29, ...), got ${depth}; the nearest is ${near}`
      : undefined;
  },
  net: ({ depth, groups, width, dropPath, classes, size, channels }) => {
    const n = (depth - 2) / 9;
    const stem = image(size, channels).pipe('stem', convNormAct(64, { kernel: 3 }));
    return stagesFor([n, n, n], { groups, width, dropPath })(stem).pipe('head', (x) =>
      x.globalPool().dense(classes),
    );
  },
});
