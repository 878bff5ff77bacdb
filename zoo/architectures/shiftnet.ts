/**
 * @file ShiftNet. Wu et al., CVPR 2018, arXiv:1711.08141, figure 3 and table 5: ShiftNet-A; width 0.5 is ShiftNet-B.
 * Shifts see as far as a kernel of 5x5 or 3x3 and cost nothing. Average pools do not count their padding.
 */
import {
  architecture,
  around,
  type Block,
  common,
  image,
  repeat,
  widthOption,
} from '../../src/compose/index.ts';

// kernel of the shifts, expansion of the first module and of the others, channels, modules
const stages = [
  [5, 4, 4, 64, 5],
  [5, 4, 3, 128, 6],
  [3, 3, 2, 256, 7],
  [3, 2, 1, 512, 3],
] as const;

/**
 * Conv, shift, conv, each conv behind a norm and a relu, the middle `expand` times as wide as what the module makes.
 * At stride 2 it makes only the channels that are missing beside its average-pooled input.
 */
const csc =
  (out: number, { kernel, expand, stride }: { kernel: number; expand: number; stride: number }): Block =>
  (x) => {
    const made = stride === 1 ? out : out - x.channels;
    const body: Block = (y) =>
      y
        .pipe('expand', (z) =>
          z
            .norm()
            .relu()
            .conv(made * expand),
        )
        .shift(kernel)
        .pipe('project', (z) => z.norm().relu().conv(made, { stride }));
    return stride === 1
      ? x.residual(body)
      : body(x).concat(x.avgPool({ size: 3, stride, padding: around(3) }));
  };

export const shiftnet = architecture({
  name: 'shiftnet',
  paper: {
    title: 'Shift: A Zero FLOP, Zero Parameter Alternative to Spatial Convolutions',
    authors: 'Wu et al.',
    year: 2018,
    arxiv: '1711.08141',
  },
  options: {
    width: widthOption({ min: 0.1 }),
    ...common({ classes: 1000, size: 224 }),
  },
  net: ({ width, classes, size, channels }) => {
    const wide = (c: number): number => Math.floor(c * width);
    return stages
      .reduce(
        (x, [kernel, first, others, c, n], i) =>
          x.stack(
            `stage${i + 1}`,
            repeat(n, (j) => csc(wide(c), { kernel, expand: j ? others : first, stride: j ? 1 : 2 })),
          ),
        image(size, channels).pipe('stem', (x) =>
          x.conv(wide(32), { kernel: 7, stride: 2, padding: around(7) }),
        ),
      )
      .pipe('head', (x) => x.norm().relu().globalPool().dense(classes));
  },
});
