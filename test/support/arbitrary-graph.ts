/**
 * @file Random small graphs that are valid by construction, over all op kinds. A graph is a list of steps; each step
 * picks an earlier value and does one thing to it if it can. Steps are plain numbers, so fast-check shrinks a failing
 * graph by dropping steps and by making their numbers smaller.
 */

import { type Flow, graph, input, type Rank } from '../../src/build/index.ts';
import {
  activations,
  ancestors,
  type Conv,
  type Graph,
  type Kind,
  nodesById,
  type Padding,
} from '../../src/graph/index.ts';
import { fc } from './property.ts';

export type StepName = keyof typeof steps;
export interface GraphOptions {
  /** Steps at most; 16 unless told. */
  readonly steps?: number;
  /** Kinds of steps that may come; all unless told. */
  readonly only?: readonly StepName[];
  /** Outputs at most; 3 unless told. */
  readonly outputs?: number;
  /** Ends in this many classes: globalPool (where needed) and dense; the one output. */
  readonly classes?: number;
}

/** Numbers that a step makes its choices with. */
interface Dice {
  readonly from: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}
type Value = Flow<Rank>;
type Step = (x: Value, dice: Dice, all: readonly Value[], owners: Owner[]) => Value | undefined;
/** A layer with weights that a later one may share. */
interface Owner {
  readonly kind: 'conv' | 'dense' | 'norm';
  readonly channels: number;
  readonly made: Value;
  readonly again: (x: Value) => Value | undefined;
}

const most = { side: 8, channels: 24, flat: 400 } as const;
const isMap = (x: Value): x is Flow<'map'> => x.shape.length === 3;
const isVec = (x: Value): x is Flow<'vec'> => x.shape.length === 1;
const pick = <T>(list: readonly T[], n: number): T => list[n % list.length] as T;
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
const steps = {
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
    const found = others(x, all, (y) => sameMap(x, y) && y.channels === x.channels);
    return found.length ? x.mul(pick(found, dice.a)) : undefined;
  },
  concat: (x, dice, all) => {
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
  dropout: (x, { a }) => x.dropout(pick([0.5, 0.1], a)),
  dropPath: (x, { a }) => x.dropPath(pick([0.5, 0.2], a)),
  shared: (x, { a, b }, _, owners) => {
    const owner = owners.length ? pick([...owners].reverse(), a) : undefined;
    return owner && (owner.again(x) ?? owner.again(pick(owners, b).made));
  },
} as const satisfies Readonly<Record<string, Step>>;
export const stepNames = Object.keys(steps) as readonly StepName[];

/** How often a step comes; 2 where nothing is said. Those that end a map are rare, else most values are vectors. */
const often: Partial<Record<StepName, number>> = {
  conv: 5,
  norm: 3,
  act: 3,
  shared: 4,
  globalPool: 1,
  flatten: 1,
};

interface Recipe {
  readonly size: readonly [number, number, number] | readonly [number];
  readonly list: readonly (readonly [StepName, Dice])[];
  readonly ends: readonly number[];
}

function build({ size, list, ends }: Recipe, classes: number | undefined): Graph {
  const all: Value[] = [size.length === 3 ? input(...size) : input(size[0])];
  const owners: Owner[] = [];
  list.forEach(([name, dice], i) => {
    const x = all[all.length - 1 - (dice.from % Math.min(all.length, 4))] as Value;
    const step: Step = steps[name];
    // every other step stands under a path of its own
    const y =
      i % 2 ? step(x, dice, all, owners) : underPath(`step${i}`, x, (z) => step(z, dice, all, owners));
    if (y && y.channels <= most.channels * 17) all.push(y);
  });
  const last = all.at(-1) as Value;
  if (classes !== undefined) return alive([classifier(last, classes)], all);
  const outputs = [last, ...(all.length > 1 ? ends.map((n) => pick(all.slice(1), n)) : [])];
  return alive(
    outputs.filter((x, i) => outputs.findIndex((y) => y.id === x.id) === i),
    all,
  );
}

/** The graph; owners of weights whose own values lead nowhere become outputs too, so that every node is needed. */
function alive(outputs: readonly Value[], all: readonly Value[]): Graph {
  const made = graph('random', ...outputs);
  const needed = ancestors(made, made.outputs);
  const idle = made.nodes.filter((n) => !needed.has(n.id) && n.op.kind !== 'input');
  const extra = all.filter((x) => idle.some((n) => n.id === x.id));
  return extra.length ? graph('random', ...outputs, ...extra) : made;
}

function classifier(x: Value, classes: number): Value {
  const units = isMap(x) ? x.globalPool() : x;
  return isVec(units) ? units.pipe('head', (y) => y.dense(classes)) : units;
}

/** `pipe` for a step that may decline. */
function underPath(name: string, x: Value, step: (x: Value) => Value | undefined): Value | undefined {
  let made: Value | undefined;
  x.pipe(name, (y) => {
    made = step(y);
    return made ?? y;
  });
  return made;
}

/** Random valid graphs with one input, at most 8 x 8 in space. Every node leads to an output. */
export function arbitraryGraph(o: GraphOptions = {}): fc.Arbitrary<Graph> {
  const die = fc.nat({ max: 60 });
  const dice = fc.record({ from: fc.constantFrom(0, 0, 0, 1, 2, 3), a: die, b: die, c: die });
  const side = fc.integer({ min: 3, max: 6 });
  const channels = fc.integer({ min: 1, max: 6 });
  const size: fc.Arbitrary<Recipe['size']> = fc.oneof(
    { weight: 9, arbitrary: fc.tuple(side, side, channels) },
    { weight: 1, arbitrary: fc.tuple(fc.integer({ min: 1, max: 8 })) },
  );
  const names = (o.only ?? stepNames).flatMap((n) => Array.from({ length: often[n] ?? 2 }, () => n));
  const name = fc.constantFrom(...names);
  return fc
    .record({
      size,
      list: fc.array(fc.tuple(name, dice), { minLength: 1, maxLength: o.steps ?? 16, size: 'max' }),
      ends: fc.array(fc.nat({ max: 60 }), { maxLength: (o.outputs ?? 3) - 1 }),
    })
    .map((recipe) => build(recipe, o.classes))
    .filter((g) => g.nodes.length > 1 && (o.classes === undefined || g.outputs.length === 1));
}

/** How often each kind stands in these graphs. */
export function kindCounts(graphs: readonly Graph[]): ReadonlyMap<Kind, number> {
  const counts = new Map<Kind, number>();
  for (const g of graphs)
    for (const n of nodesById(g).values()) counts.set(n.op.kind, (counts.get(n.op.kind) ?? 0) + 1);
  return counts;
}
