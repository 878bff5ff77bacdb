/**
 * @file The nets that MCUNet's authors published for microcontrollers. Lin et al., NeurIPS 2020, arXiv:2007.10319: found by TinyNAS in
 * the space of ProxylessNAS, whose blocks, strides and norms they have. No 1x1 conv stands before the classifier. Names are those of
 * github.com/mit-han-lab/mcunet: in0 to in4 for ImageNet (10fps, 5fps, 256kB, 320kB and 512kB before), vww0 to vww2 for Visual Wake Words
 * (10fps-vww, 5fps-vww, 320kB-vww).
 *
 * The tables are from public ports: of in0 to in4 to torchvision, of vww1 to Keras; those of vww0 and vww2 are read from the sizes of
 * their layers in compiled models. Parameters and multiply-adds are those of that repository's README in every digit that it gives
 * (test/zoo/mcunet.test.ts).
 */
import {
  architecture,
  common,
  convNormAct,
  dropoutOption,
  dropPathOption,
  image,
  invertedResidual,
  stochasticDepth,
} from '../../src/compose/index.ts';

const strides = [1, 2, 2, 2, 1, 2, 1];
const norm = { eps: 1e-3 };
const act = 'relu6';

/** The channels of the stages, and a word for each of their blocks, such as 7x6 for a 7x7 kernel and an expansion by 6. */
interface Stages {
  readonly stem: number;
  readonly channels: readonly number[];
  readonly blocks: readonly string[];
}
const mcunet = <const Size extends number, const Classes extends number>(
  id: string,
  size: Size,
  classes: Classes,
  { stem, channels: widths, blocks: words }: Stages,
) =>
  architecture({
    name: `mcunet-${id}`,
    paper: {
      title: 'MCUNet: Tiny Deep Learning on IoT Devices',
      authors: 'Lin, Chen, Lin, Cohn, Gan, Han',
      year: 2020,
      arxiv: '2007.10319',
    },
    options: {
      dropout: dropoutOption({ default: 0 }),
      dropPath: dropPathOption,
      ...common({ classes, size }),
    },
    net: ({ dropout, dropPath, classes, size, channels }) => {
      const blocks = widths.flatMap((out, stage) =>
        (words[stage] ?? '').split(' ').map((word, i) => {
          const [kernel = 3, expand = 1] = word.split('x').map(Number);
          const stride = i === 0 ? (strides[stage] ?? 1) : 1;
          return { path: `stage${stage + 1}/${i}`, out, kernel, expand, stride };
        }),
      );
      const rate = (i: number): number => stochasticDepth(dropPath, i, blocks.length);
      return blocks
        .reduce(
          (x, { path, out, ...block }, i) =>
            x.pipe(path, invertedResidual(out, { ...block, act, norm, dropPath: rate(i) })),
          image(size, channels).pipe('stem', convNormAct(stem, { kernel: 3, stride: 2, act, norm })),
        )
        .pipe('head', (x) => x.globalPool().dropout(dropout).dense(classes));
    },
  });

const usual = { stem: 16, channels: [8, 16, 24, 40, 48, 96, 160] };

export const mcunetIn0 = mcunet('in0', 48, 1000, {
  stem: 24,
  channels: [16, 16, 24, 48, 56, 112, 192],
  blocks: ['3x1', '5x4 3x3 3x4', '7x5 5x4 5x5', '7x5 5x4', '3x5 5x4 3x5', '3x6 5x4', '3x6'],
});
export const mcunetIn1 = mcunet('in1', 96, 1000, {
  ...usual,
  blocks: ['3x1', '3x4 3x3', '7x3 3x5', '3x5 7x4', '5x4 3x3 3x4', '7x5 5x4 5x4', '3x6'],
});
export const mcunetIn2 = mcunet('in2', 160, 1000, {
  ...usual,
  blocks: ['3x1', '5x3 7x6 3x5 5x5', '3x5 7x6 5x6', '7x4 5x5', '3x5 5x5 3x4', '5x6 5x4 5x3 3x4', '5x5'],
});
export const mcunetIn3 = mcunet('in3', 176, 1000, {
  ...usual,
  blocks: ['3x1', '7x3 3x5 7x5 5x4', '5x5 5x5 5x5', '3x5 7x6 5x4', '5x5 7x5 3x5', '3x6 7x5 3x4', '7x5'],
});
export const mcunetIn4 = mcunet('in4', 160, 1000, {
  stem: 32,
  channels: [16, 24, 40, 80, 96, 192, 320],
  blocks: ['3x1', '7x3 3x5 5x4', '7x5 3x4 7x4', '7x3 3x3 7x3', '3x4 5x3 5x3', '7x4 7x3 5x3', '5x4'],
});
export const mcunetVww0 = mcunet('vww0', 64, 2, {
  ...usual,
  blocks: ['3x1', '5x6 3x4', '3x5 3x4 3x4', '3x5 3x4 7x3', '3x3 3x4', '7x5 5x5', '7x4'],
});
export const mcunetVww1 = mcunet('vww1', 80, 2, {
  ...usual,
  blocks: ['3x1', '3x6 3x3 3x3', '7x3 3x6 5x5', '7x6 7x6', '3x6 3x4', '5x5 3x5 3x4', '7x3'],
});
export const mcunetVww2 = mcunet('vww2', 144, 2, {
  ...usual,
  blocks: [
    ...['3x1', '3x3 3x5 5x6 3x3', '7x5 5x4 3x4 7x6', '3x6 7x6 5x4 3x5'],
    ...['5x5 5x3 3x4 5x3', '3x4 5x5 5x4 3x4', '3x5'],
  ],
});
