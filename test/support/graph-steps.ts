/** @file What a random graph may do next, by name: one step for every op kind, and a few that blocks are made of. */
import type { Flow, Rank } from '../../src/compose/index.ts';
import { activations, type Conv, type Padding } from '../../src/graph/index.ts';

export type StepName = keyof typeof steps;

/** Numbers that a step makes its choices with. */
export interface Dice {
  readonly from: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}
export type Value = Flow<Rank>;
export type Step = (x: Value, dice: Dice, all: readonly Value[], owners: Owner[]) => Value | undefined;
/** A layer with weights that a later one may share. */
export interface Owner {
  readonly kind: 'conv' | 'dense' | 'norm';
  readonly channels: number;
  readonly made: Value;
  readonly again: (x: Value) => Value | undefined;
}

export const most = { side: 8, channels: 24, flat: 400 } as const;
export const isMap = (x: Value): x is Flow<'map'> => x.shape.length === 3;
export const isVec = (x: Value): x is Flow<'vec'> => x.shape.length === 1;
export const pick = <T>(list: readonly T[], n: number): T => list[n % list.length] as T;
const divisors = (n: number): number[] =>
  Array.from({ length: n }, (_, i) => i + 1).filter((d) => n % d === 0);
const onMap =
  (step: (x: Flow<'map'>, dice: Dice, owners: Owner[]) => Value | undefined): Step =>
  (x, dice, _, owners) =>
    isMap(x) ? step(x, dice, owners) : undefined;
/** Other values that may stand beside x, the nearest first. */
const others = (x: Value, all: readonly Value[], fits: (y: Value) => boolean): Value[] =>
  all.filter((y) => y.id !== x.id && y.shape.length === x.shape.length && fits(y)).reverse();
const sameMap = (x: Value, y: Value): boolean => x.shape.slice(0, -1).join() === y.shape.slice(0, -1).join();

/** A conv whose window fits, with the options that the dice say. */
function conv(x: Flow<'map'>, o: Partial<Conv>, { a, b, c }: Dice, owners: Owner[]): Value {
  const kernel =
    o.kernel ??
    pick(
      [
        [1, 1],
        [3, 3],
        [1, 3],
        [3, 1],
        [2, 2],
        [5, 5],
      ] as const,
      a,
    );
  const dilation = o.dilation ?? ([1, 1] as const);
  const stride = pick(
    [
      [1, 1],
      [2, 2],
      [1, 2],
    ] as const,
    c,
  );
  const reach = ([0, 1] as const).map((i) => dilation[i] * (kernel[i] - 1)) as [number, number];
  const fits = reach[0] < x.shape[0] && reach[1] < x.shape[1];
  const [y, z] = [reach[0] >> 1, reach[1] >> 1];
  const paddings: readonly Padding[] = [
    'same',
    ...(fits ? (['valid'] as const) : []),
    ...(2 * y >= reach[0] && 2 * z >= reach[1] ? ([[y, z, y, z]] as const) : []),
    [reach[0], reach[1], 1, 0],
  ];
  const options = {
    kernel,
    stride: o.dilation ? ([1, 1] as const) : stride,
    dilation,
    groups: o.groups ?? 1,
    padding: o.padding ?? pick(paddings, b + c),
    bias: b % 2 === 1,
  };
  const out = o.out ?? 1 + (b % 6);
  const made = x.conv(out, options);
  const again = (z: Value): Value | undefined => {
    if (!isMap(z) || z.channels !== x.channels) return undefined;
    const [h, w] = (z as Flow<'map'>).shape;
    const enough = options.padding !== 'valid' || (reach[0] < h && reach[1] < w);
    return enough ? z.conv(out, { ...options, weightsOf: made }) : undefined;
  };
  owners.push({ kind: 'conv', channels: x.channels, made, again });
  return made;
}

/** What a step may do, by name. Undefined where it cannot be done to that value. */
export const steps = {
  conv: onMap((x, dice, owners) => conv(x, {}, dice, owners)),
  groupedConv: onMap((x, dice, owners) => {
    const groups = pick(divisors(x.channels), dice.a + 1);
    return conv(x, { groups, out: groups * (1 + (dice.b % 3)), kernel: [3, 3] }, dice, owners);
  }),
  depthwise: onMap((x, dice, owners) =>
    conv(
      x,
      {
        groups: x.channels,
        out: x.channels * (1 + (dice.b % 2)),
        kernel: pick(
          [
            [3, 3],
            [1, 3],
          ],
          dice.a,
        ),
      },
      dice,
      owners,
    ),
  ),
  dilatedConv: onMap((x, dice, owners) => {
    const groups = pick(divisors(x.channels), dice.b);
    const dilation = pick(
      [
        [2, 2],
        [2, 1],
        [1, 3],
      ] as const,
      dice.a,
    );
    return conv(x, { dilation, groups, out: groups * (1 + (dice.c % 3)), kernel: [3, 3] }, dice, owners);
  }),
  norm: (x, { a }, _, owners) => {
    const options = { scale: a % 3 !== 1, offset: a % 4 !== 1, eps: pick([1e-5, 1e-3], a) };
    const made = x.norm(options);
    const again = (z: Value): Value | undefined =>
      z.channels === x.channels && z.shape.length === x.shape.length
        ? z.norm({ ...options, weightsOf: made })
        : undefined;
    owners.push({ kind: 'norm', channels: x.channels, made, again });
    return made;
  },
  act: (x, { a }) => x.act(pick(activations, a)),
  pool: onMap((x, { a, b, c }) => {
    const size = pick(
      [
        [2, 2],
        [3, 3],
        [2, 1],
      ] as const,
      a,
    );
    const stride = pick(
      [
        [2, 2],
        [1, 1],
        [1, 2],
      ] as const,
      b,
    );
    const fits = size[0] <= x.shape[0] && size[1] <= x.shape[1];
    const paddings: readonly Padding[] = [
      'same',
      ...(fits ? (['valid'] as const) : []),
      ...(fits ? ([[1, 0, 0, 0]] as const) : []),
      [1, 1, 1, 1],
    ];
    const padded = pick(size[0] === 3 ? paddings : paddings.slice(0, fits ? 2 : 1), c); // padding < window
    return a % 2
      ? x.maxPool({ size, stride, padding: padded })
      : x.avgPool({ size, stride, padding: padded });
  }),
  globalPool: onMap((x, { a }) => x.globalPool(a % 2 ? 'max' : 'avg')),
  flatten: onMap((x) => (x.shape[0] * x.shape[1] * x.channels <= most.flat ? x.flatten() : undefined)),
  dense: (x, { a, b }, _, owners) => {
    if (!isVec(x)) return undefined;
    const options = { bias: b % 3 !== 1 };
    const out = 1 + (a % 6);
    const made = x.dense(out, options);
    const again = (z: Value): Value | undefined =>
      isVec(z) && z.channels === x.channels ? z.dense(out, { ...options, weightsOf: made }) : undefined;
    owners.push({ kind: 'dense', channels: x.channels, made, again });
    return made;
  },
  add: (x, dice, all) => {
    if (dice.b % 8 === 7) return x.add(x);
    const found = others(x, all, (y) => sameMap(x, y) && y.channels === x.channels);
    return found.length ? x.add(...found.slice(0, 1 + (dice.a % 2))) : undefined;
  },
  residual: onMap((x, { a }) => x.residual((y) => y.conv(x.channels, { kernel: a % 2 ? 1 : 3 }).norm())),
  gate: (x, { a }) => {
    const units = isMap(x) ? x.globalPool() : isVec(x) ? x : undefined;
    return (
      units &&
      x.mul(
        units
          .dense(1 + (a % 3))
          .relu()
          .dense(x.channels)
          .act('sigmoid'),
      )
    );
  },
  mul: (x, dice, all) => {
    if (dice.b % 8 === 7) return x.mul(x);
    const found = others(x, all, (y) => sameMap(x, y) && y.channels === x.channels);
    return found.length ? x.mul(pick(found, dice.a)) : undefined;
  },
  concat: (x, dice, all) => {
    if (dice.b % 8 === 7 && 2 * x.channels <= most.channels) return x.concat(x);
    const found = others(x, all, (y) => sameMap(x, y) && y.channels + x.channels <= most.channels);
    return found.length ? x.concat(pick(found, dice.a)) : undefined;
  },
  slice: (x, { a, b }) => {
    const from = a % x.channels;
    return x.slice(from, from + 1 + (b % (x.channels - from)));
  },
  shuffle: (x, { a }) => x.shuffle(pick(divisors(x.channels), a + 1)),
  permute: (x, { a }) => {
    const order = Array.from({ length: x.channels }, (_, i) => i);
    return x.permute(order.map((i) => order[(i * (x.channels - 1) + a) % x.channels] as number));
  },
  maxout: (x, { a }) => x.maxout(pick(divisors(x.channels), a + 1)),
  shift: onMap((x, { a }) => x.shift(pick([3, 1], a))),
  upsample: onMap((x, { a, b }) =>
    2 * Math.max(x.shape[0], x.shape[1]) <= most.side
      ? x.upsample(
          2 + (a % 2 && 3 * Math.max(x.shape[0], x.shape[1]) <= most.side ? 1 : 0),
          b % 2 ? 'bilinear' : 'nearest',
        )
      : undefined,
  ),
  pad: onMap((x, { a, b, c }) => {
    const [h, w] = x.shape;
    const pads = [a % 3, b % 3, h > 2 ? -(c % 2) : 1, w > 2 ? (a % 4) - 2 : 0] as const;
    return Math.max(h, w) + 3 <= most.side ? x.pad(pads) : undefined;
  }),
  groupNorm: (x, { a, b }) =>
    x.groupNorm(pick(divisors(x.channels), b), {
      scale: a % 3 !== 1,
      offset: a % 4 !== 1,
      eps: pick([1e-2, 1e-1], a),
    }),
  layerNorm: (x, { a }) =>
    x.layerNorm({ scale: a % 3 !== 1, offset: a % 4 !== 1, eps: pick([1e-2, 1e-1], a) }),
  responseNorm: onMap((x) => x.responseNorm({ eps: 1e-2 })),
  scale: (x) => x.scale(),
  positions: onMap((x, { a }) => x.positions({ features: pick([4, 8], a), temperature: 10 })),
  attention: onMap((x, { a, b, c }) => {
    if (x.shape[0] * x.shape[1] < 4) return undefined;
    const heads = pick([2, 1, 3], a);
    const [width, valueWidth] = [1 + (b % 2), 1 + (c % 2)];
    const shares = a % 4 === 3;
    const keys = a % 5 === 4 ? x.maxPool({ size: 2 }) : x;
    const [h, w] = x.shape;
    const even = h % 2 === 0 && w % 2 === 0 && h * w > 4;
    if (c % 4 === 3) {
      const wide = heads * valueWidth;
      const within = even ? pick([{}, { grid: 2 }, { windows: 2 }], b) : {};
      const v = x.conv(wide, { bias: true });
      return x.conv(heads).attention(x.conv(wide), v, { heads, form: 'separable', ...within });
    }
    if (b % 5 === 1) {
      const [k, v] = [x.conv(heads * valueWidth, { bias: true }), x.conv(heads * valueWidth)];
      return x.conv(heads * width).attention(k, v, { heads, form: 'covariance', eps: 1e-3 });
    }
    const q = x.conv(heads * width, { bias: true });
    const k = keys.conv(shares ? width : heads * width);
    const v = keys.conv(shares ? valueWidth : heads * valueWidth, { bias: true });
    if (b % 3 === 2) return q.relu().attention(k.relu(), v, { heads, form: 'linear', eps: 0.5 });
    const within = keys === x && even ? pick([{}, { windows: 2 }, { grid: 2 }], c) : {};
    const talking = !('windows' in within || 'grid' in within) && (a + b) % 2 === 1;
    return q.attention(k, v, { heads, bias: keys === x && b % 2 === 1, talking, scale: 0.7, ...within });
  }),
  convTranspose: onMap((x, { a, b, c }) => {
    const [kernel, stride] = [pick([2, 3, 1], a), pick([2, 1], b)];
    if (Math.max(x.shape[0], x.shape[1]) * stride > most.side) return undefined;
    const groups = pick([1, x.channels], c);
    const padding = pick(['same', 'valid', [0, kernel > 1 ? 1 : 0, 0, 0]] as const, b + c);
    const more = padding === 'same' ? 0 : stride - 1;
    const out = groups * (1 + (b % 3));
    return x.convTranspose(out, { kernel, stride, groups, padding, outputPadding: more, bias: a % 2 === 1 });
  }),
  pixelShuffle: onMap((x) =>
    x.channels % 4 === 0 && 2 * Math.max(x.shape[0], x.shape[1]) <= most.side ? x.pixelShuffle(2) : undefined,
  ),
  resize: onMap((x, { a, b, c }) => {
    const size = [2 + (a % 4), 1 + (b % 5)] as const;
    return pick(
      [
        () => x.resize(size),
        () => x.resize(size, { align: 'corners' }),
        () => x.resize(size, { fn: 'nearest' }),
        () => x.resize(size, { fn: 'nearest', align: 'centres' }),
      ],
      c,
    )();
  }),
  dropout: (x, { a }) => x.dropout(pick([0.5, 0.1], a)),
  dropPath: (x, { a }) => x.dropPath(pick([0.5, 0.2], a)),
  shared: (x, { a, b }, _, owners) => {
    const owner = owners.length ? pick([...owners].reverse(), a) : undefined;
    return owner && (owner.again(x) ?? owner.again(pick(owners, b).made));
  },
} as const satisfies Readonly<Record<string, Step>>;
export const stepNames = Object.keys(steps) as readonly StepName[];
