/** @file Resize and Upsample by whole factors. */
import { isMap } from '../../../graph/index.ts';
import type { Call, Live, Value } from '../call.ts';
import { asMap, channelsFirst, flattened } from '../layout.ts';
import { type Axis, dimsOf } from '../view.ts';

/** Resize and Upsample by whole factors. */
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
  if (fh !== fw || !Number.isInteger(fh))
    call.fail(`resizes by ${fh} x ${fw}; only one whole factor has a counterpart`);
  const mode = call.text('mode', 'nearest');
  const coordinates = call.text(
    'coordinate_transformation_mode',
    call.opset < 11 ? 'asymmetric' : 'half_pixel',
  );
  const rounding = call.text('nearest_mode', 'round_prefer_floor');
  const centred = coordinates === 'half_pixel' || coordinates === 'pytorch_half_pixel';
  const isNearest =
    mode === 'nearest' &&
    ((coordinates === 'asymmetric' && (rounding === 'floor' || call.opset < 11)) ||
      (centred && /^round_prefer/.test(rounding)));
  const isLinear = mode === 'linear' && centred && call.int('antialias', 0) === 0;
  if (!isNearest && !isLinear)
    call.fail(`mode ${mode}, ${coordinates}${mode === 'nearest' ? `, ${rounding}` : ''} has no counterpart`);
  const id = draft.emit(path, { kind: 'upsample', factor: fh, fn: isNearest ? 'nearest' : 'bilinear' }, [
    x.id,
  ]);
  return call.result(id, channelsFirst(x.axes[0] ?? [], draft.shape(id)));
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
