/**
 * @file ReXNet. Han et al., CVPR 2021, arXiv:2007.00992, section 5: inverted residuals whose channels grow linearly from
 * block to block, x1.0 in table 6. The input is added to the first channels of the wider output. Squeeze and excite, with
 * a norm, stands before the filter's relu6. `divisor=8` gives timm's rounded nets (rexnetr).
 */
import {
  architecture,
  type Block,
  common,
  convNorm,
  convNormAct,
  depthwise,
  dropoutOption,
  dropPathOption,
  halfEven,
  image,
  roundTo,
  whole,
  widthOption,
} from '../../src/compose/index.ts';

// blocks and stride of each stage; the third and later ones squeeze and excite
const stages = [
  [1, 1],
  [2, 2],
  [2, 2],
  [3, 2],
  [3, 1],
  [5, 2],
] as const;
const blocks = stages.reduce((n, [depth]) => n + depth, 0);
const [initial, growth] = [16, 180 / blocks];
const act = 'swish';

const squeezeExciteNorm =
  (units: number): Block =>
  (x) =>
    x.mul(
      x
        .globalPool()
        .pipe('squeeze', (y) => y.dense(units).norm().relu())
        .pipe('excite', (y) => y.dense(x.channels).act('sigmoid')),
    );

interface Place {
  readonly out: number;
  readonly stride: number;
  readonly expands: boolean;
  readonly squeezes: boolean;
  readonly divisor: number;
  readonly dropPath: number;
}
/** Figure 3b. */
const block =
  ({ out, stride, expands, squeezes, divisor, dropPath }: Place): Block =>
  (x) => {
    const wide = expands ? roundTo(divisor, 6 * x.channels) : x.channels;
    const expanded = expands ? x.pipe('expand', convNormAct(wide, { act })) : x;
    const filtered = expanded.pipe('filter', depthwise({ stride, act: 'none' }));
    const squeezed = squeezes
      ? filtered.pipe('attention', squeezeExciteNorm(roundTo(divisor, Math.floor(wide / 12))))
      : filtered;
    const y = squeezed.act('relu6').pipe('project', convNorm(out));
    if (stride > 1 || x.channels > out) return y;
    const dropped = y.dropPath(dropPath);
    if (x.channels === out) return dropped.add(x);
    return dropped.slice(0, x.channels).add(x).concat(dropped.slice(x.channels, out));
  };

export const rexnet = architecture({
  name: 'rexnet',
  paper: {
    title: 'Rethinking Channel Dimensions for Efficient Model Design',
    authors: 'Han, Yun, Heo, Yoo',
    year: 2021,
    arxiv: '2007.00992',
  },
  options: {
    width: widthOption(),
    divisor: whole({ doc: 'channels are multiples of it', default: 1, min: 1, max: 64 }),
    dropout: dropoutOption({ default: 0.2 }),
    dropPath: dropPathOption,
    ...common({ classes: 1000, size: 224 }),
  },
  net: ({ width, divisor, dropout, dropPath, classes, size, channels }) => {
    const round = (c: number): number => roundTo(divisor, c);
    const base = (c: number): number => (width < 1 ? c / width : c); // the first channels are never fewer
    let place = 0;
    return stages
      .reduce(
        (x, [depth, s], i) =>
          x.stack(
            `stage${i + 1}`,
            Array.from({ length: depth }, (_, j) => {
              const out = round(halfEven((base(initial) + growth * place) * width));
              const shares = { expands: i > 0, squeezes: i > 1, divisor };
              return block({
                out,
                stride: j ? 1 : s,
                ...shares,
                dropPath: (dropPath * place++) / (blocks - 1),
              });
            }),
          ),
        image(size, channels).pipe(
          'stem',
          convNormAct(round(halfEven(base(32) * width)), { kernel: 3, stride: 2, act }),
        ),
      )
      .pipe('head', (x) =>
        x
          .pipe('mix', convNormAct(round(1280 * width), { act }))
          .globalPool()
          .dropout(dropout)
          .dense(classes),
      );
  },
});
