/** @file A constant map of positions through a 1x1 conv, added to a value: the op `positions`. */
import { isMap, type Positions, positionFeatures, sizeOf } from '../../../graph/index.ts';
import { float } from '../../../weights/index.ts';
import type { Call, Live, Value } from '../call.ts';
import { type Constant, floatsOf, transposed } from '../constant.ts';

/** Conv of a constant: its values, which the draft remembers by their map and weights. @throws Unreadable for other maps and windows. */
export function projection(call: Call): readonly Constant[] {
  const [given, kernel, bias] = [call.constant(0), call.constant(1), call.optional(2)];
  const [c = 1, n = 1, ...window] = kernel.shape;
  const isPoint = [...window, ...(call.ints('strides') ?? []), call.int('group', 1)].every((k) => k === 1);
  const [b, features, h = 1, w = 1] = given.shape;
  const isRead = isPoint && !call.ints('pads')?.some((k) => k) && b === 1 && features === n;
  const map = floatsOf(transposed(given, [0, 2, 3, 1]));
  const op = isRead ? positionsOf(map, h, w, n) : undefined;
  if (!op) return call.fail('a conv of a constant that is no map of positions has no counterpart');
  const rows = floatsOf(transposed(kernel, [2, 3, 1, 0]));
  const offset = bias ? floatsOf(bias) : new Float32Array(c);
  const values = Float32Array.from({ length: h * w * c }, (_, at) => {
    const [place, j] = [Math.floor(at / c), at % c];
    let sum = offset[j] ?? 0;
    for (let i = 0; i < n; i++) sum += map[place * n + i]! * rows[i * c + j]!;
    return sum;
  });
  const names = {
    ...(kernel.name === undefined ? {} : { kernel: kernel.name }),
    ...(bias?.name === undefined ? {} : { bias: bias.name }),
  };
  const slots = { kernel: float([n, c], rows), bias: float([c], offset) };
  call.draft.projections.push({ op, values, layer: { slots, names } });
  return [
    transposed({ kind: 'constant', dtype: 'float32', shape: [1, h, w, c], data: values }, [0, 3, 1, 2]),
  ];
}

/** The op that has this map [h, w, features]. Its temperature follows from the slowest sine at the first place. */
function positionsOf(map: Float32Array, h: number, w: number, features: number): Positions | undefined {
  if (features % 4) return undefined;
  const half = features / 2;
  const acute = Math.asin(Math.min(1, Math.max(-1, map[half - 2] ?? 0)));
  const temperatures = [acute, Math.PI - acute].map((angle) =>
    half === 2 ? 10000 : ((2 * Math.PI) / (h + 1e-6) / angle) ** (half / (half - 2)),
  );
  const rounded = temperatures.flatMap((t) => [4, 6].map((digits) => Number(t.toPrecision(digits))));
  return rounded
    .filter((temperature) => temperature > 0 && Number.isFinite(temperature))
    .map((temperature): Positions => ({ kind: 'positions', features, temperature }))
    .find((op) => positionFeatures(op, [h, w]).every((v, i) => Math.abs(v - (map[i] ?? 0)) < 1e-5));
}

/** The sum with a constant that is a projection of positions; undefined for other constants. */
export function addedPositions(call: Call, x: Live, constant: Constant): readonly Value[] | undefined {
  const { draft, path } = call;
  const shape = draft.shape(x.id);
  if (!draft.projections.length || !isMap(shape) || constant.data.length !== sizeOf(shape)) return undefined;
  const steps = { h: shape[1] * shape[2], w: shape[2], c: 1, n: 0, '*': 0 };
  // of each number of the constant, the number of the map [h, w, c]
  const places = x.axes
    .flat()
    .reduce<readonly number[]>(
      (all, { base, size, step }) =>
        base === 'n'
          ? all
          : all.flatMap((from) => Array.from({ length: size }, (_, i) => from + i * step * steps[base])),
      [0],
    );
  const found = draft.projections.find(
    ({ values }) =>
      values.length === places.length &&
      places.every((at, i) => Math.abs((values[at] ?? 0) - (constant.data[i] ?? 0)) <= 1e-6),
  );
  return found && call.result(draft.emit(path, found.op, [x.id], found.layer), x.axes);
}
