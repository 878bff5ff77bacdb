/**
 * @file SqueezeNet. Iandola et al. 2016, arXiv:1602.07360, table 1 (version 1.0), and the authors' later version 1.1,
 * which pools earlier. Convs have biases and no norms; pools round their sizes up, as Caffe does.
 */
import { architecture, choice, common, fire, image, maxPoolCeil, real } from '../../src/compose/index.ts';

// first conv, then per stage the fires: squeeze s1x1, expand e1x1 = e3x3; a pool of 3x3/2 stands before each stage
const versions = {
  '1.0': {
    stem: { out: 96, kernel: 7 },
    stages: [
      [
        [16, 64],
        [16, 64],
        [32, 128],
      ],
      [
        [32, 128],
        [48, 192],
        [48, 192],
        [64, 256],
      ],
      [[64, 256]],
    ],
  },
  '1.1': {
    stem: { out: 64, kernel: 3 },
    stages: [
      [
        [16, 64],
        [16, 64],
      ],
      [
        [32, 128],
        [32, 128],
      ],
      [
        [48, 192],
        [48, 192],
        [64, 256],
        [64, 256],
      ],
    ],
  },
} as const;

export const squeezenet = architecture({
  name: 'squeezenet',
  paper: {
    title: 'SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size',
    authors: 'Iandola et al.',
    year: 2016,
    arxiv: '1602.07360',
  },
  options: {
    version: choice(['1.0', '1.1'], {
      doc: 'released version; 1.1 pools earlier and costs less',
      default: '1.1',
    }),
    dropout: real({ doc: 'dropout rate before the last conv', default: 0.5, min: 0, max: 0.9 }),
    ...common({ classes: 1000, size: 224 }),
  },
  net: ({ version, dropout, classes, size, channels }) => {
    const { stem, stages } = versions[version];
    return stages
      .reduce(
        (x, fires, i) =>
          x.pipe(`stage${i + 1}`, maxPoolCeil(3, 2)).stack(
            `stage${i + 1}`,
            fires.map(([s, e]) => fire(s, e)),
          ),
        image(size, channels).pipe('stem', (x) =>
          x.conv(stem.out, { kernel: stem.kernel, stride: 2, padding: 'valid', bias: true }).relu(),
        ),
      )
      .pipe('head', (x) => x.dropout(dropout).conv(classes, { bias: true }).relu().globalPool());
  },
});
