/**
 * @file GhostNet. Han et al., CVPR 2020, arXiv:1911.11907, table 1; as released, features have a bias and no norm.
 */
import {
  architecture,
  type Block,
  common,
  convNorm,
  convNormAct,
  depthwise,
  dropoutOption,
  ghost,
  image,
  roundTo,
  squeezeExcite,
  strideOption,
  stridesFor,
  type ValuesOf,
  widthOption,
} from '../../src/compose/index.ts';

// table 1: stage, kernel k, expansion size, channels c, squeeze and excite, stride s
const rows = [
  [1, 3, 16, 16, false, 1],
  [2, 3, 48, 24, false, 2],
  [2, 3, 72, 24, false, 1],
  [3, 5, 72, 40, true, 2],
  [3, 5, 120, 40, true, 1],
  [4, 3, 240, 80, false, 2],
  [4, 3, 200, 80, false, 1],
  [4, 3, 184, 80, false, 1],
  [4, 3, 184, 80, false, 1],
  [4, 3, 480, 112, true, 1],
  [4, 3, 672, 112, true, 1],
  [5, 5, 672, 160, true, 2],
  [5, 5, 960, 160, false, 1],
  [5, 5, 960, 160, true, 1],
  [5, 5, 960, 160, false, 1],
  [5, 5, 960, 160, true, 1],
] as const;

/** What the versions differ in; `place` counts all blocks from 0. */
export interface GhostParts {
  readonly expand: (out: number, place: number) => Block;
  readonly project: (out: number) => Block;
  /** The strided filter between them. */
  readonly filter: (kernel: number, stride: number) => Block;
}
type Row = readonly [kernel: number, middle: number, out: number, attention: boolean, stride: number];
/** Figure 3. */
const bottleneck =
  ([kernel, middle, out, attention, stride]: Row, place: number, parts: GhostParts): Block =>
  (x) =>
    x.residual(
      (y) => {
        const wide = y.pipe('expand', parts.expand(middle, place));
        const filtered = stride > 1 ? wide.pipe('filter', parts.filter(kernel, stride)) : wide;
        const squeezed = squeezeExcite(roundTo(4, middle / 4), { gate: 'hardSigmoid' });
        return (attention ? filtered.pipe('attention', squeezed) : filtered).pipe(
          'project',
          parts.project(out),
        );
      },
      (y) =>
        stride === 1 && y.channels === out
          ? y
          : y
              .pipe('shortcut/filter', depthwise({ kernel, stride, act: 'none' }))
              .pipe('shortcut/mix', convNorm(out)),
    );

export const ghostnetOptions = {
  width: widthOption(),
  dropout: dropoutOption({ default: 0.2 }),
  stride: strideOption,
  ...common({ classes: 1000, size: 224 }),
};
export function ghostnetOf(o: ValuesOf<typeof ghostnetOptions>, parts: GhostParts) {
  const strideOf = stridesFor(o.stride);
  const wide = (c: number): number => roundTo(4, c * o.width);
  const stem = convNormAct(wide(16), { kernel: 3, stride: strideOf(2) });
  let place = 0;
  return [1, 2, 3, 4, 5]
    .reduce(
      (x, stage) => {
        const blocks = rows
          .filter(([at]) => at === stage)
          .map(([, k, middle, c, attention, s]) =>
            bottleneck([k, wide(middle), wide(c), attention, strideOf(s)], place++, parts),
          );
        return x.stack(`stage${stage}`, blocks);
      },
      image(o.size, o.channels).pipe('stem', stem),
    )
    .pipe('head', (x) =>
      x
        .pipe('mix', convNormAct(wide(960)))
        .globalPool()
        .pipe('features', (y) => y.dense(1280).relu())
        .dropout(o.dropout)
        .dense(o.classes),
    );
}

export const ghostnet = architecture({
  name: 'ghostnet',
  paper: {
    title: 'GhostNet: More Features from Cheap Operations',
    authors: 'Han et al.',
    year: 2020,
    arxiv: '1911.11907',
  },
  options: ghostnetOptions,
  net: (o) =>
    ghostnetOf(o, {
      expand: (out) => ghost(out),
      project: (out) => ghost(out, { act: 'none' }),
      filter: (kernel, stride) => depthwise({ kernel, stride, act: 'none' }),
    }),
});
