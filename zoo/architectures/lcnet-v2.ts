/**
 * @file PP-LCNetV2. The documentation and code of PaddleClas 2.6 (2022; no paper of its own, its training is that of the
 * paper named below): PP-LCNet whose later filters are sums of filters of decreasing size in training, which fold into
 * one. `width=0.75 blocks=4` is the small net, `width=1.25 blocks=8` the large one.
 */
import {
  architecture,
  around,
  type Block,
  choice,
  common,
  convNormAct,
  depthwise,
  dropoutOption,
  type Flow,
  image,
  repeat,
  roundTo,
  squeezeExcite,
  whereShapesAllow,
  whole,
  widthOption,
} from '../../src/compose/index.ts';

type Form = 'train' | 'deploy';
/** A k x k filter; in training, beside all smaller odd ones (of 1x1 only where the stride is 1). */
const branched =
  (kernel: number, stride: number, form: Form): Block =>
  (x) => {
    const filter = (k: number, bias: boolean): Flow<'map'> =>
      x.depthwise({ kernel: k, stride, bias, padding: around(k) });
    if (form === 'deploy') return filter(kernel, true).relu();
    const sizes = repeat((kernel + 1) / 2, (i) => kernel - 2 * i).filter((k) => k > 1 || stride === 1);
    const [first, ...others] = sizes.map((k, i) => x.pipe(`branch${i}`, () => filter(k, false).norm()));
    return (first ?? x).add(...others).relu();
  };

interface Kind {
  readonly kernel: number;
  /** Two 1x1 convs, the first half as wide. */
  readonly split?: true;
  readonly branches?: true;
  readonly squeeze?: true;
  readonly skip?: true;
}
const block =
  (out: number, stride: number, { kernel, split, branches, squeeze, skip }: Kind, form: Form): Block =>
  (x) => {
    const body: Block = (y) => {
      const filtered = y.pipe(
        'filter',
        branches ? branched(kernel, stride, form) : depthwise({ kernel, stride }),
      );
      const squeezed = squeeze
        ? filtered.pipe('attention', squeezeExcite(Math.floor(y.channels / 4)))
        : filtered;
      const narrow = split ? squeezed.pipe('narrow', convNormAct(Math.floor(out / 2))) : squeezed;
      return narrow.pipe('mix', convNormAct(out));
    };
    return skip ? whereShapesAllow(body)(x) : body(x);
  };

export const lcnetV2 = architecture({
  name: 'lcnet-v2',
  paper: {
    title:
      'Beyond Self-Supervision: A Simple Yet Effective Network Distillation Alternative to Improve Backbones',
    authors: 'Cui et al.',
    year: 2021,
    arxiv: '2103.05959',
  },
  options: {
    width: widthOption(),
    blocks: whole({ doc: 'blocks of the third stage', default: 6, min: 1, max: 64 }),
    form: choice(['train', 'deploy'], {
      doc: 'train has all branches, deploy is the net that they fold into',
      default: 'train',
    }),
    dropout: dropoutOption({ default: 0 }),
    ...common({ classes: 1000, size: 224 }),
  },
  net: ({ width, blocks, form, dropout, classes, size, channels }) => {
    const round = (c: number): number => roundTo(8, c * width);
    const plain = { kernel: 3 } as const;
    // blocks, channels, kind
    const stages: readonly (readonly [number, number, Kind])[] = [
      [2, 128, plain],
      [2, 256, plain],
      [blocks, 512, { kernel: 5, split: true, branches: true, squeeze: true }],
      [2, 1024, { kernel: 5, branches: true, skip: true }],
    ];
    return stages
      .reduce(
        (x, [n, c, kind], i) =>
          x.stack(
            `stage${i + 1}`,
            repeat(n, (j) => block(round(c), j ? 1 : 2, kind, form)),
          ),
        image(size, channels).pipe('stem', (x) =>
          x
            .pipe('first', convNormAct(round(32), { kernel: 3, stride: 2 }))
            .pipe('second', block(round(64), 1, plain, form)),
        ),
      )
      .pipe('head', (x) =>
        x
          .globalPool()
          .pipe('features', (y) => y.dense(1280, { bias: false }).relu())
          .dropout(dropout)
          .dense(classes),
      );
  },
});
