/**
 * @file DDRNet-23-slim, semantic segmentation by two branches. Hong et al. 2021, arXiv:2101.06085, table 1 and figures 4 and 5: from
 * stage 3 on a branch of an eighth of the image's sides stands beside the usual one, and they exchange their maps; the pyramid
 * (DAPPM, section 3.3) pools the last map. The result has the logits of each class at every pixel.
 * Deviations from the official code: convs before norms have no biases, and average pools do not count their padding.
 */
import {
  architecture,
  type Block,
  bottleneck,
  common,
  convNorm,
  convNormAct,
  type Flow,
  image,
  round8,
  sidesOf,
  skip,
  widthOption,
} from '../../src/compose/index.ts';

const strided = { kernel: 3, stride: 2 } as const;
type Features = Flow<'map'>;

/** shortcut(x) + body(x), without an activation. */
const sum =
  (out: number, stride: number, body: Block): Block =>
  (x) =>
    x.residual(
      body,
      stride > 1 || x.channels !== out ? (y) => y.pipe('shortcut', convNorm(out, { stride })) : skip,
    );
const basic = (out: number, stride = 1): Block =>
  sum(out, stride, (x) =>
    x.pipe('first', convNormAct(out, { kernel: 3, stride })).pipe('second', convNorm(out, { kernel: 3 })),
  );
/** Twice as wide outside as inside. */
const deep = (middle: number, stride = 1): Block =>
  sum(2 * middle, stride, bottleneck(2 * middle, { middle, stride }));
/** The second block ends without an activation, with which whatever reads it begins. */
const pair = (out: number, stride = 1): readonly Block[] => [
  (x) => basic(out, stride)(x.relu()).relu(),
  basic(out),
];
const preConv =
  (out: number, kernel = 1): Block =>
  (x) =>
    x.norm().relu().conv(out, { kernel });

/** Each branch adds what the other had before: 3x3 convs of stride 2 one way, a 1x1 conv brought up the other way. */
function exchange(
  path: string,
  low: Features,
  high: Features,
  down: readonly number[],
): readonly [low: Features, high: Features] {
  const [first = 0, second] = down;
  const shrink: Block = (x) => {
    const y = x.relu();
    return second === undefined
      ? convNorm(first, strided)(y)
      : y.pipe('first', convNormAct(first, strided)).pipe('second', convNorm(second, strided));
  };
  const grow: Block = (x) => convNorm(high.channels)(x.relu()).resize([high.shape[0], high.shape[1]]);
  return [low.add(high.pipe(`${path}/down`, shrink)), high.add(low.pipe(`${path}/up`, grow))];
}

/** Figure 5: averages of larger and larger windows, each added to the one before. */
const pyramid =
  (branch: number, out: number): Block =>
  (x) => {
    const [height, width] = x.shape;
    const pools = [5, 9, 17].map((size) => {
      const half = (size - 1) / 2;
      return { size, stride: half, padding: [half, half, half, half] as const };
    });
    const whole = { size: [height, width] as const, padding: 'valid' as const };
    const scales = [...pools, whole].reduce<readonly Features[]>(
      (done, pool, i) => {
        const scaled = x
          .avgPool(pool)
          .pipe(`scale${i + 1}`, preConv(branch))
          .resize([height, width]);
        return [...done, scaled.add(done.at(-1) ?? scaled).pipe(`process${i + 1}`, preConv(branch, 3))];
      },
      [x.pipe('scale0', preConv(branch))],
    );
    const [first = x, ...others] = scales;
    const joined = first.concat(...others).pipe('compress', preConv(out));
    return joined.add(x.pipe('shortcut', preConv(out)));
  };

export const ddrnet23Slim = architecture({
  name: 'ddrnet-23-slim',
  paper: {
    title: 'Deep Dual-resolution Networks for Real-time and Accurate Semantic Segmentation of Road Scenes',
    authors: 'Hong, Pan, Sun, Jia',
    year: 2021,
    arxiv: '2101.06085',
  },
  options: { width: widthOption(), ...common({ classes: 19, size: 1024 }) },
  net: ({ width, classes, size, channels }) => {
    const w = round8(32 * width);
    const two = image(size, channels)
      .pipe('stem', (x) => x.pipe('first', convNormAct(w, strided)).pipe('second', convNormAct(w, strided)))
      .stack('stage1', [(x) => basic(w)(x).relu(), basic(w)])
      .stack('stage2', pair(2 * w, 2));
    const three = exchange(
      'stage3',
      two.stack('stage3', pair(4 * w, 2)),
      two.stack('stage3/high', pair(2 * w)),
      [4 * w],
    );
    const four = exchange(
      'stage4',
      three[0].stack('stage4', pair(8 * w, 2)),
      three[1].stack('stage4/high', pair(2 * w)),
      [4 * w, 8 * w],
    );
    const [low, high] = [four[0].relu(), four[1].relu()];
    const detail = high.pipe('stage5/high', deep(2 * w));
    const context = low.pipe('stage5/0', deep(8 * w, 2)).pipe('head/pyramid', pyramid(4 * w, 4 * w));
    return detail.add(context.resize([detail.shape[0], detail.shape[1]])).pipe('head', (x) =>
      x
        .pipe('deep', preConv(2 * w, 3))
        .pipe('classes', (y) => y.norm().relu().conv(classes, { bias: true }))
        .resize(sidesOf(size)),
    );
  },
});
