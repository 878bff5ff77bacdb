/**
 * @file RegNet X and Y. Radosavovic et al., CVPR 2020, arXiv:2003.13678, table 8 and equations 2 to 4, with the
 * constants of pycls (MIT): initial width w0, slope wa, step wm, depth, channels in a group.
 */
import {
  architecture,
  type Block,
  common,
  convNorm,
  convNormAct,
  dropPathOption,
  type Flow,
  halfEven, // 24.5 is 24, as in Python, which decides a width of RegNetX-400MF
  image,
  repeat,
  residual,
  roundTo,
  type Sides,
  skip,
  squeezeExcite,
  stochasticDepth,
} from '../../src/compose/index.ts';

export interface Constants {
  readonly w0: number;
  readonly wa: number;
  readonly wm: number;
  readonly depth: number;
  readonly group: number;
  /** The least share that a width keeps when it becomes a multiple of a group, where torchvision and timm differ. */
  readonly share?: number;
}

/** Width and depth of each stage: linear widths u_j = w0 + wa j become powers w0 wm^s, then multiples of 8 and of a group. */
function stagesFrom({
  w0,
  wa,
  wm,
  depth,
  group,
  share,
}: Constants): { width: number; depth: number; group: number }[] {
  const widths = repeat(depth, (j) => {
    const power = halfEven(Math.log((w0 + wa * j) / w0) / Math.log(wm));
    return 8 * halfEven((w0 * wm ** power) / 8);
  });
  return [...new Set(widths)].map((width) => {
    const grouped = Math.min(group, width);
    return {
      width: share ? roundTo(grouped, width, grouped, share) : grouped * halfEven(width / grouped),
      depth: widths.filter((w) => w === width).length,
      group: grouped,
    };
  });
}

/** The X block, and the Y block, which squeezes to a quarter of the block's input. No bottleneck: all three convs are out wide. */
const block =
  (out: number, o: { stride: number; group: number; attention: boolean; dropPath: number }): Block =>
  (x) =>
    residual(
      out,
      (y) =>
        y
          .pipe('narrow', convNormAct(out))
          .pipe('filter', convNormAct(out, { kernel: 3, stride: o.stride, groups: out / o.group }))
          .pipe('attention', o.attention ? squeezeExcite(halfEven(x.channels / 4)) : skip)
          .pipe('widen', convNorm(out)),
      { stride: o.stride, dropPath: o.dropPath },
    )(x);

export const paper = {
  title: 'Designing Network Design Spaces',
  authors: 'Radosavovic, Kosaraju, Girshick, He, Dollar',
  year: 2020,
  arxiv: '2003.13678',
};
export const options = { dropPath: dropPathOption, ...common({ classes: 1000, size: 224 }) };
export interface Options extends Record<'dropPath' | 'classes' | 'channels', number> {
  readonly size: number | Sides;
}

export function net(constants: Constants, attention: boolean, o: Options): Flow<'vec'> {
  let place = 0;
  return stagesFrom(constants)
    .reduce(
      (x, { width, depth, group }, i) =>
        x.stack(
          `stage${i + 1}`,
          repeat(depth, (j) =>
            block(width, {
              stride: j ? 1 : 2,
              group,
              attention,
              dropPath: stochasticDepth(o.dropPath, place++, constants.depth),
            }),
          ),
        ),
      image(o.size, o.channels).pipe('stem', convNormAct(32, { kernel: 3, stride: 2 })),
    )
    .pipe('head', (x) => x.globalPool().dense(o.classes));
}
const regnet = (name: string, constants: Constants) =>
  architecture({
    name,
    paper,
    options,
    net: (o) => net(constants, name.startsWith('regnet-y'), o),
  });

export const regnetX200mf = regnet('regnet-x-200mf', { w0: 24, wa: 36.44, wm: 2.49, depth: 13, group: 8 });
export const regnetX400mf = regnet('regnet-x-400mf', { w0: 24, wa: 24.48, wm: 2.54, depth: 22, group: 16 });
export const regnetY200mf = regnet('regnet-y-200mf', { w0: 24, wa: 36.44, wm: 2.49, depth: 13, group: 8 });
export const regnetY400mf = regnet('regnet-y-400mf', { w0: 48, wa: 27.89, wm: 2.09, depth: 16, group: 8 });
