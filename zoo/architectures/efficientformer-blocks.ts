/** @file Blocks of EfficientFormerV2 (efficientformer-v2.ts): attention, of all places and of half of them, and the perceptron. */
import { around, type Block, convNorm, convNormAct } from '../../src/compose/index.ts';

export const act = 'gelu';
const heads = 8;

const linear = (out: number, o: Parameters<typeof convNorm>[1] = {}): Block =>
  convNorm(out, { ...o, bias: true });
const filter =
  (stride = 1): Block =>
  (x) =>
    linear(x.channels, { kernel: 3, stride, groups: x.channels })(x);

/** Figure 2d: heads that talk, and a filter of v beside them. With `stride` 2, attention of fewer places, resized (figure 2e). */
export const attention =
  (stride: 1 | 2): Block =>
  (x) => {
    const few = stride > 1 ? x.pipe('down', filter(stride)) : x;
    const [q, k] = [few.pipe('q', linear(32 * heads)), few.pipe('k', linear(32 * heads))];
    const v = few.pipe('v', linear(128 * heads));
    const sum = q.attention(k, v, { heads, bias: true, talking: true }).add(v.pipe('local', filter()));
    const whole = stride > 1 ? sum.resize([x.shape[0], x.shape[1]]) : sum;
    return whole.act(act).pipe('project', linear(x.channels));
  };
/** Figure 2f: q is every second row and column and a filter of their neighbours, and reads all places. */
const shrink =
  (out: number): Block =>
  (x) => {
    const groups = x.channels;
    const local = { kernel: 3, stride: 2, groups, padding: around(3), bias: true } as const;
    const q = x.pipe('q', (y) =>
      y
        .conv(groups, local)
        .add(y.avgPool({ size: 1, stride: 2 }))
        .pipe('project', linear(16 * heads)),
    );
    const [k, v] = [x.pipe('k', linear(16 * heads)), x.pipe('v', linear(64 * heads))];
    const sum = q.attention(k, v, { heads, bias: true }).add(v.pipe('local', filter(2)));
    return sum.act(act).pipe('project', linear(out));
  };
export const down =
  (out: number, attends: boolean): Block =>
  (x) => {
    const halved = linear(out, { kernel: 3, stride: 2 })(x);
    return attends ? x.pipe('attention', shrink(out)).add(halved) : halved;
  };
/** Section 3.1, figure 2c: a filter within the perceptron. */
export const mlp =
  (expand: number): Block =>
  (x) => {
    const wide = expand * x.channels;
    return x
      .pipe('expand', convNormAct(wide, { bias: true, act }))
      .pipe('filter', convNormAct(wide, { kernel: 3, groups: wide, bias: true, act }))
      .pipe('narrow', linear(x.channels));
  };
