/** @file Resize and Upsample. */
import { isMap, type Pair, type Resize } from '../../../graph/index.ts';
import type { Call, Live, Value } from '../call.ts';
import { asMap, channelsFirst, flattened } from '../layout.ts';
import { type Axis, dimsOf } from '../view.ts';

/** Resize and Upsample of maps to other heights and widths. */
export function resize(call: Call): readonly Value[] {
  const input = call.live(0);
  const factors = factorsOf(call, input);
  const x = asMap(
    call,
    factors.length === 4 ? input : call.fail(`resizes ${factors.length} axes; only 4 are read`),
  );
  const [n = 1, c = 1, fh = 1, fw = 1] = factors;
  if (n !== 1 || c !== 1) call.fail('resizes the batch or the channels');
  const shape = x.shape;
  const [h, w] = isMap(shape) ? shape : [1, 1];
  if (fh === 1 && fw === 1) return call.result(x.id, x.axes);
  const { draft, path } = call;
  const isOnePlace = h === 1 && w === 1;
  if (isOnePlace && isMap(shape) && fh === fw && Number.isInteger(fh)) {
    // every mode repeats the one place
    const id = draft.emit(path, { kind: 'upsample', factor: fh, fn: 'nearest' }, [x.id]);
    return call.result(id, channelsFirst(x.axes[0] ?? [], draft.shape(id)));
  }
  if (isOnePlace && fh >= 1 && fw >= 1 && fh <= 2 ** 16 && fw <= 2 ** 16) {
    const repeat = (size: number): Axis => (size === 1 ? [] : [{ base: '*', size, step: 0 }]);
    const flat = flattened(call, { kind: 'live', id: x.id, axes: x.axes });
    return call.result(flat.id, [
      x.axes[0] ?? [],
      x.axes[1] ?? [],
      repeat(Math.round(fh)),
      repeat(Math.round(fw)),
    ]);
  }
  const to = [sideOf(call, h, fh), sideOf(call, w, fw)] as const;
  const how = interpolation(call, [h, w], to);
  const isWhole = fh === fw && Number.isInteger(fh);
  // at whole factors, nearest has one meaning
  const isUpsampling = isWhole && (how.fn === 'nearest' || how.align === 'centres');
  const op = isUpsampling
    ? ({ kind: 'upsample', factor: fh, fn: how.fn } as const)
    : ({ kind: 'resize', size: to, ...how } as const);
  const id = draft.emit(path, op, [x.id]);
  return call.result(id, channelsFirst(x.axes[0] ?? [], draft.shape(id)));
}

/** A side of the result. @throws Unreadable where the factor does not make it whole, since positions then follow the factor. */
function sideOf(call: Call, side: number, factor: number): number {
  const exact = side * factor;
  const to = Math.round(exact);
  return to >= 1 && Math.abs(exact - to) <= 1e-4
    ? to
    : call.fail(`resizes ${side} by ${factor}, which is no whole number; export it with sizes`);
}

/** The mode and coordinates as ours. @throws Unreadable for those that have no counterpart. */
function interpolation(call: Call, from: Pair, to: Pair): Pick<Resize, 'fn' | 'align'> {
  const mode = call.text('mode', 'nearest');
  const coordinates = call.text(
    'coordinate_transformation_mode',
    call.opset < 11 ? 'asymmetric' : 'half_pixel',
  );
  const rounding = call.text('nearest_mode', 'round_prefer_floor');
  const isCentred = coordinates === 'half_pixel' || coordinates === 'pytorch_half_pixel';
  const isStretched = call.text('keep_aspect_ratio_policy', 'stretch') === 'stretch';
  const sides = [0, 1] as const;
  if (mode === 'nearest' && isStretched) {
    if (coordinates === 'asymmetric' && (rounding === 'floor' || call.opset < 11))
      return { fn: 'nearest', align: 'edges' };
    // between two pixels, ours takes the later one; the two roundings differ only there
    const isBetween = sides.some((i) =>
      Array.from({ length: to[i] }, (_, k) => ((2 * k + 1) * from[i]) % (2 * to[i])).includes(0),
    );
    if (isCentred && (rounding === 'round_prefer_ceil' || (rounding === 'round_prefer_floor' && !isBetween)))
      return { fn: 'nearest', align: 'centres' };
  }
  if (mode === 'linear' && isStretched && call.int('antialias', 0) === 0) {
    const isOne = coordinates === 'pytorch_half_pixel' && sides.some((i) => to[i] === 1 && from[i] > 1);
    if (isCentred && !isOne) return { fn: 'bilinear', align: 'centres' };
    if (coordinates === 'align_corners') return { fn: 'bilinear', align: 'corners' };
    if (coordinates === 'asymmetric') return { fn: 'bilinear', align: 'edges' };
  }
  return call.fail(
    `mode ${mode}, ${coordinates}${mode === 'nearest' ? `, ${rounding}` : ''} has no counterpart`,
  );
}

/** By how much each axis grows. */
function factorsOf(call: Call, x: Live): readonly number[] {
  const dims = dimsOf(x.axes);
  const isUpsample = call.node.opType === 'Upsample' || call.opset < 11;
  const attribute = call.node.attributes?.['scales'];
  const scales = attribute?.kind === 'floats' ? attribute.value : call.numbers(isUpsample ? 1 : 2);
  if (scales?.length) return scales;
  const sizes = call.numbers(3);
  const axes = call.ints('axes') ?? dims.map((_, i) => i);
  if (!sizes?.length) return call.fail('has neither scales nor sizes');
  return dims.map((dim, i) => {
    const index = axes.indexOf(i);
    return index < 0 ? 1 : (sizes[index] ?? dim) / dim;
  });
}
