/** @file What the nets for scenes share: a stem and two stages of small residual blocks, their options, heads of parsers. */
import {
  type Block,
  common,
  convNorm,
  convNormAct,
  type Flow,
  repeat,
  residual,
  type Sides,
  sidesOf,
  whole,
} from '../../src/compose/index.ts';

export const sizes = common({ classes: 10, size: 64, channels: 1 });
export const widths = {
  width: whole({
    doc: 'channels of the stem; stages have 2 and 4 times as many',
    default: 8,
    min: 1,
    max: 256,
  }),
  depth: whole({ doc: 'blocks of stage2', default: 2, min: 1, max: 32 }),
};
/** Scenes are square, and anchors and crops are laid out for squares. */
export function problem({ size }: { readonly size: number | Sides }): string | undefined {
  const [height, width] = sidesOf(size);
  if (height !== width) return `size must be one number, since scenes are square, got ${size}`;
  return height % 4 ? `size must be a multiple of 4, got ${size}` : undefined;
}

/** Two 3x3 convs beside a shortcut. */
const basic = (out: number, stride = 1): Block =>
  residual(
    out,
    (x) =>
      x.pipe('first', convNormAct(out, { kernel: 3, stride })).pipe('second', convNorm(out, { kernel: 3 })),
    { stride },
  );

/** At half of the image's size. */
export const stem = (x: Flow<'map'>, width: number): Flow<'map'> =>
  x.pipe('stem', convNormAct(width, { kernel: 3, stride: 2 }));

/** At a fourth of the image's size. */
export const stages = (x: Flow<'map'>, width: number, depth: number): Flow<'map'> =>
  x.stack('stage1', [basic(2 * width, 2)]).stack(
    'stage2',
    repeat(depth, () => basic(4 * width)),
  );

/** Features at half of the image's size: the stages brought up and joined with the stem. */
export const frontEnd =
  (width: number, depth: number): Block =>
  (x) => {
    const first = stem(x, width);
    return stages(first, width, depth).pipe('join', (deep) =>
      deep
        .pipe('narrow', convNormAct(2 * width))
        .upsample(2, 'bilinear')
        .concat(first)
        .pipe('mix', convNormAct(2 * width, { kernel: 3 })),
    );
  };

export const tasks = ['segmentation', 'depth', 'contour'] as const;
export type Task = (typeof tasks)[number];

/** A task's prediction: logits of ground and classes, a depth, or a logit of contour. */
export const predict =
  (task: Task, classes: number): Block =>
  (x) =>
    x.conv(task === 'segmentation' ? classes + 1 : 1, { bias: true });
