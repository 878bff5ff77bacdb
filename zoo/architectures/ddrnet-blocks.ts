/** @file Blocks of DDRNet (ddrnet.ts): residual blocks, the exchange of the two branches, and the pyramid. */
import { type Block, bottleneck, convNorm, convNormAct, type Flow, skip } from '../../src/compose/index.ts';

export const strided = { kernel: 3, stride: 2 } as const;
type Features = Flow<'map'>;

/** shortcut(x) + body(x), without an activation. */
const sum =
  (out: number, stride: number, body: Block): Block =>
  (x) =>
    x.residual(
      body,
      stride > 1 || x.channels !== out ? (y) => y.pipe('shortcut', convNorm(out, { stride })) : skip,
    );
export const basic = (out: number, stride = 1): Block =>
  sum(out, stride, (x) =>
    x.pipe('first', convNormAct(out, { kernel: 3, stride })).pipe('second', convNorm(out, { kernel: 3 })),
  );
/** Twice as wide outside as inside. */
export const deep = (middle: number, stride = 1): Block =>
  sum(2 * middle, stride, bottleneck(2 * middle, { middle, stride }));
/** The second block ends without an activation, with which whatever reads it begins. */
export const pair = (out: number, stride = 1): readonly Block[] => [
  (x) => basic(out, stride)(x.relu()).relu(),
  basic(out),
];
export const preConv =
  (out: number, kernel = 1): Block =>
  (x) =>
    x.norm().relu().conv(out, { kernel });

/** Each branch adds what the other had before: 3x3 convs of stride 2 one way, a 1x1 conv brought up the other way. */
export function exchange(
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
export const pyramid =
  (branch: number, out: number): Block =>
  (x) => {
    const [height, width] = x.shape;
    const pools = [5, 9, 17].map((size) => {
      const half = (size - 1) / 2;
      return { size, stride: half, padding: [half, half, half, half] as const };
    });
    const whole = { size: [height, width] as const, padding: 'valid' as const };
    const scales = [x.pipe('scale0', preConv(branch))];
    for (const [i, pool] of [...pools, whole].entries()) {
      const scaled = x
        .avgPool(pool)
        .pipe(`scale${i + 1}`, preConv(branch))
        .resize([height, width]);
      scales.push(scaled.add(scales.at(-1) ?? scaled).pipe(`process${i + 1}`, preConv(branch, 3)));
    }
    const [first = x, ...others] = scales;
    const joined = first.concat(...others).pipe('compress', preConv(out));
    return joined.add(x.pipe('shortcut', preConv(out)));
  };
