/**
 * @file ProxylessNAS for CPUs, GPUs and phones, and the phones' net at 1.4 times its width. Cai et al., ICLR 2019,
 * arXiv:1812.00332, figure 4; the channels are those of the released nets. Each stage is written as its channels and a word for each
 * block, such as 7x6 for a 7x7 kernel and an expansion by 6; a dash stands where the search chose no block. A width multiplies all
 * channels, up to the next multiple of 8: so the net at 0.3 that MCUNet's authors compare with has their counts.
 */
import {
  architecture,
  choice,
  common,
  convNormAct,
  dropoutOption,
  dropPathOption,
  image,
  invertedResidual,
  widthOption,
} from '../../src/compose/index.ts';

const strides = [1, 2, 2, 2, 1, 2, 1];
const mobile = [
  '3x1',
  '5x3 3x3 - -',
  '7x3 3x3 5x3 5x3',
  '7x6 5x3 5x3 5x3',
  '5x6 5x3 5x3 5x3',
  '7x6 7x6 7x3 7x3',
  '7x6',
];
const variants = {
  cpu: {
    stem: 40,
    channels: [24, 32, 48, 88, 104, 216, 360],
    blocks: [
      '3x1',
      '3x6 3x3 3x3 3x3',
      '3x6 3x3 3x3 5x3',
      '3x6 - - 3x3',
      '5x6 3x3 3x3 3x3',
      '5x6 5x3 5x3 3x3',
      '5x6',
    ],
    mix: 1432,
  },
  gpu: {
    stem: 40,
    channels: [24, 32, 56, 112, 128, 256, 432],
    blocks: ['3x1', '5x3 - - -', '7x3 - - 3x3', '7x6 - - 5x3', '5x6 - 3x3 5x3', '7x6 7x6 7x6 5x6', '7x6'],
    mix: 1728,
  },
  mobile: { stem: 32, channels: [16, 32, 40, 80, 96, 192, 320], blocks: mobile, mix: 1280 },
  mobile14: { stem: 48, channels: [24, 40, 56, 112, 136, 256, 448], blocks: mobile, mix: 1792 },
} as const;
const norm = { eps: 1e-3 };
const act = 'relu6';

export const proxylessnas = architecture({
  name: 'proxylessnas',
  paper: {
    title: 'ProxylessNAS: Direct Neural Architecture Search on Target Task and Hardware',
    authors: 'Cai et al.',
    year: 2019,
    arxiv: '1812.00332',
  },
  options: {
    variant: choice(['cpu', 'gpu', 'mobile', 'mobile14'], {
      doc: 'the target of the search',
      default: 'mobile',
    }),
    width: widthOption(),
    dropout: dropoutOption({ default: 0 }),
    dropPath: dropPathOption,
    ...common({ classes: 1000, size: 224 }),
  },
  net: ({ variant, width, dropout, dropPath, classes, size, channels }) => {
    const { stem, channels: widths, blocks, mix } = variants[variant];
    const scaled = (c: number): number => Math.ceil((c * width) / 8 - 1e-9) * 8;
    const first = image(size, channels).pipe(
      'stem',
      convNormAct(scaled(stem), { kernel: 3, stride: 2, act, norm }),
    );
    const words = widths.flatMap((out, stage) =>
      (blocks[stage] ?? '').split(' ').map((word, i) => ({ out, stage, word, i })),
    );
    return words
      .filter(({ word }) => word !== '-')
      .reduce((x, { out, stage, word, i }) => {
        const [kernel = 3, expand = 1] = word.split('x').map(Number);
        const stride = i === 0 ? (strides[stage] ?? 1) : 1;
        const block = invertedResidual(scaled(out), { expand, stride, kernel, act, norm, dropPath });
        return x.pipe(`stage${stage + 1}/${i}`, block);
      }, first)
      .pipe('head', (x) =>
        x
          .pipe('mix', convNormAct(scaled(mix), { act, norm }))
          .globalPool()
          .dropout(dropout)
          .dense(classes),
      );
  },
});
