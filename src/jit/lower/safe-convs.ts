/** @file onnxruntime's own convs, in other forms where a runtime computes some of them wrongly. */
import { type ConvChannels, int, paddedForm, repeatedFilters, summands, toTheEnd } from '../../onnx/index.ts';
import type { Attributes } from '../ir.ts';
import type { Emitter } from './emitter.ts';

/** A conv of an image [n, c, h, w] with a kernel [out, c / groups, kh, kw]; its name. */
export function plainConv(
  e: Emitter,
  [image, kernel]: readonly [string, string],
  channels: ConvChannels,
  attributes: Attributes,
): string {
  if (!e.safeConvs) return e.emit1('Conv', [image, kernel], attributes);
  const repeated = repeatedFilters(channels);
  if (repeated) {
    const filters = e.emit1('Gather', [kernel, e.longs(repeated.filters)], { axis: int(0) });
    const all = e.emit1('Conv', [image, filters], attributes);
    return e.emit1('Gather', [all, e.longs(repeated.wanted)], { axis: int(1) });
  }
  const padded = paddedForm(channels, attributes);
  if (!padded) return e.emit1('Conv', [image, kernel], attributes);
  const pad = (name: string, pads: readonly number[]): string => e.emit1('Pad', [name, e.longs(pads)]);
  const weights = padded.kernel ? pad(kernel, padded.kernel) : kernel;
  return e.emit1('Conv', [pad(image, padded.image), weights], padded.attributes);
}

/** A transposed conv of an image [n, c, h, w] with a kernel [c, out / groups, kh, kw]; its name. */
export function plainConvTranspose(
  e: Emitter,
  [image, kernel]: readonly [string, string],
  channels: ConvChannels,
  attributes: Attributes,
): string {
  const count = e.safeConvs ? summands(channels) : 1;
  if (count === 1) return e.emit1('ConvTranspose', [image, kernel], attributes);
  const part = (name: string, i: number, axis: number): string =>
    e.emit1('Slice', [name, e.longs([i]), e.longs([toTheEnd]), e.longs([axis]), e.longs([count])]);
  return Array.from({ length: count }, (_, i) =>
    e.emit1('ConvTranspose', [part(image, i, 1), part(kernel, i, 0)], attributes),
  ).reduce((sum, one) => e.emit1('Add', [sum, one]));
}
