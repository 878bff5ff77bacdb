/**
 * @file ResNets of other depths, stems and shortcuts than resnet.ts has, as in timm: He et al., CVPR 2016, arXiv:1512.03385, table 1;
 * stems of three 3x3 convs and shortcuts that begin with an average pool (ResNet-C and -D) of He et al. 2019, arXiv:1812.01187,
 * figure 2; groups of Xie et al. 2017, arXiv:1611.05431; squeeze and excite of Hu et al. 2018, arXiv:1709.01507, figure 3.
 */
import {
  architecture,
  around,
  type Block,
  bottleneck,
  choice,
  common,
  convNorm,
  convNormAct,
  dropPathOption,
  flag,
  image,
  repeat,
  residual,
  roundTo,
  skip,
  squeezeExcite,
  stochasticDepth,
  whole,
} from '../../src/compose/index.ts';
import { resnet18 } from './resnet.ts';
import { pooled } from './timm-test.ts';

/** Blocks of the stages; of two 3x3 convs, or bottlenecks. */
const variants = {
  '10': [[1, 1, 1, 1], false],
  '14': [[1, 1, 1, 1], true],
  '18': [[2, 2, 2, 2], false],
  '26': [[2, 2, 2, 2], true],
  '34': [[3, 4, 6, 3], false],
  '50': [[3, 4, 6, 3], true],
  '101': [[3, 4, 23, 3], true],
  '152': [[3, 8, 36, 3], true],
  '200': [[3, 24, 36, 3], true],
  '269': [[3, 30, 48, 8], true],
} as const;
/** Channels of the three 3x3 convs. */
const stems = { plain: undefined, deep: [32, 32, 64], wide: [64, 64, 128], tiered: [24, 32, 64] } as const;

const stem =
  (form: keyof typeof stems): Block =>
  (x) => {
    const [a, b, c] = stems[form] ?? [];
    const y =
      a === undefined || b === undefined || c === undefined
        ? convNormAct(64, { kernel: 7, stride: 2 })(x)
        : x
            .pipe('first', convNormAct(a, { kernel: 3, stride: 2 }))
            .pipe('second', convNormAct(b, { kernel: 3 }))
            .pipe('third', convNormAct(c, { kernel: 3 }));
    return y.maxPool({ size: 3, stride: 2, padding: around(3) });
  };
/** To a sixteenth of the channels, rounded to a multiple of 8. */
const excite: Block = (x) => squeezeExcite(roundTo(8, x.channels / 16, 8, 0))(x);

export const resnet = architecture({
  name: 'resnet',
  paper: resnet18.paper,
  options: {
    variant: choice(['10', '14', '18', '26', '34', '50', '101', '152', '200', '269'], {
      doc: 'layers; 10, 18 and 34 have no bottlenecks',
      default: '18',
    }),
    stem: choice(['plain', 'deep', 'wide', 'tiered'], {
      doc: 'a 7x7 conv, or three 3x3 convs, of 32, 32 and 64 channels, of 64, 64 and 128, or of 24, 32 and 64',
      default: 'plain',
    }),
    pooled: flag({ doc: 'shortcuts begin with an average pool in place of a stride', default: false }),
    squeezed: flag({ doc: 'blocks end in squeeze and excite', default: false }),
    groups: whole({ doc: 'of the 3x3 convs of bottlenecks', default: 1, min: 1, max: 256 }),
    width: whole({ doc: 'channels of a group in the first stage', default: 64, min: 1, max: 1024 }),
    dropPath: dropPathOption,
    ...common({ classes: 1000, size: 224 }),
  },
  problem: ({ variant, groups, width }) =>
    !variants[variant][1] && (groups > 1 || width !== 64)
      ? `groups and width are of bottlenecks, which variant ${variant} has not; use 14, 26 or 50 and above`
      : undefined,
  net: (o) => {
    const [repeats, deep] = variants[o.variant];
    const count = repeats.reduce((n, d) => n + d, 0);
    let place = 0;
    const block = (base: number, stride: number): Block => {
      const out = deep ? 4 * base : base;
      const middle = o.groups * Math.floor((base * o.width) / 64);
      const convs: Block = deep
        ? bottleneck(out, { middle, stride, groups: o.groups })
        : (x) =>
            x
              .pipe('first', convNormAct(out, { kernel: 3, stride }))
              .pipe('second', convNorm(out, { kernel: 3 }));
      const body: Block = (x) => convs(x).pipe('attention', o.squeezed ? excite : skip);
      const dropPath = stochasticDepth(o.dropPath, place++, count);
      return (x) =>
        o.pooled && (stride > 1 || x.channels !== out)
          ? x
              .residual(
                (y) => body(y).dropPath(dropPath),
                (y) => y.pipe('pooled', pooled(out, stride)),
              )
              .relu()
          : residual(out, body, { stride, dropPath })(x);
    };
    return repeats
      .reduce(
        (x, n, i) =>
          x.stack(
            `stage${i + 1}`,
            repeat(n, (j) => block(64 * 2 ** i, i && !j ? 2 : 1)),
          ),
        image(o.size, o.channels).pipe('stem', stem(o.stem)),
      )
      .pipe('head', (x) => x.globalPool().dense(o.classes));
  },
});
