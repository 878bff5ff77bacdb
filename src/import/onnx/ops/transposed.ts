/** @file ConvTranspose and DepthToSpace. */
import { isMap, type Padding, type Pair, slideBack } from '../../../graph/index.ts';
import { float } from '../../../weights/index.ts';
import type { Call, Value } from '../call.ts';
import { type Constant, countOf, floatsOf } from '../constant.ts';
import { asMap, channelsFirst } from '../layout.ts';
import { pair } from './windows.ts';

/** ConvTranspose: its kernel [in, out / groups, kh, kw] becomes [kh, kw, in / groups, out]. */
export function convTranspose(call: Call): readonly Value[] {
  const kernel = call.constant(1);
  const bias = call.optional(2);
  if (kernel.shape.length !== 4)
    call.fail(`a kernel of ${kernel.shape.length} axes; only convs over height and width have a counterpart`);
  const x = asMap(call, call.live(0));
  if (!isMap(x.shape)) return call.fail('over a map of one place has no counterpart');
  const [c = 1, makes = 1, kh = 1, kw = 1] = kernel.shape;
  const groups = call.int('group', 1);
  const { draft, path } = call;
  if (draft.channels(x.id) !== c)
    call.fail(`reads ${draft.channels(x.id)} channels, and its kernel needs ${c}`);
  const window: Window = {
    kernel: [kh, kw],
    stride: pair(call, 'strides'),
    dilation: pair(call, 'dilations'),
    outputPadding: pair(call, 'output_padding', [0, 0]),
  };
  const out = makes * groups;
  const padded = paddingOf(call, [x.shape[0], x.shape[1]], window);
  const op = { kind: 'convTranspose', out, ...window, ...padded, groups, bias: bias !== undefined } as const;
  if (bias && countOf(bias.shape) !== out)
    call.fail(`a bias of ${countOf(bias.shape)} values for ${out} channels`);
  const made = draft.emit(path, op, [x.id], {
    slots: {
      kernel: float([kh, kw, c / groups, out], turned(kernel, groups)),
      ...(bias ? { bias: float([out], floatsOf(bias)) } : {}),
    },
    names: {
      ...(kernel.name === undefined ? {} : { kernel: kernel.name }),
      ...(bias?.name === undefined ? {} : { bias: bias.name }),
    },
  });
  return call.result(made, channelsFirst(x.axes[0] ?? [], draft.shape(made)));
}

interface Window {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
  readonly outputPadding: Pair;
}

/** The sides that are cut off, in every form of ONNX. */
function paddingOf(
  call: Call,
  size: Pair,
  window: Window,
): { readonly padding: Padding; readonly outputPadding: Pair } {
  const { kernel, stride, dilation, outputPadding } = window;
  const mode = call.text('auto_pad', 'NOTSET');
  const given = call.ints('output_shape')?.slice(-2);
  const isSame = mode === 'SAME_UPPER' || mode === 'SAME_LOWER';
  if (mode === 'VALID') return { padding: 'valid', outputPadding };
  if (!given && !isSame) {
    const [top = 0, left = 0, bottom = 0, right = 0] = call.ints('pads') ?? [];
    return simplest(size, window, [top, right, bottom, left]);
  }
  const sides = ([0, 1] as const).map((i) => {
    const wanted = given?.[i] ?? size[i] * stride[i];
    const total = (size[i] - 1) * stride[i] + outputPadding[i] + dilation[i] * (kernel[i] - 1) + 1 - wanted;
    if (total < 0) call.fail(`an output of ${wanted}, which is larger than its windows reach`);
    const less = Math.floor(total / 2);
    return mode === 'SAME_UPPER' ? [less, total - less] : [total - less, less];
  });
  const [[top = 0, bottom = 0] = [], [left = 0, right = 0] = []] = sides;
  return simplest(size, window, [top, right, bottom, left]);
}

/** `same` where it means these sides and sizes, `valid` for none. */
function simplest(
  size: Pair,
  window: Window,
  sides: readonly [number, number, number, number],
): { readonly padding: Padding; readonly outputPadding: Pair } {
  const { outputPadding } = window;
  const rest = { out: 1, groups: 1, bias: false };
  const none: Pair = [0, 0];
  const text = (padding: Padding, more: Pair): string =>
    JSON.stringify(slideBack(size, { ...rest, ...window, padding, outputPadding: more }));
  if (text('same', none) === text(sides, outputPadding)) return { padding: 'same', outputPadding: none };
  return { padding: sides.every((n) => n === 0) ? 'valid' : sides, outputPadding };
}

function turned(kernel: Constant, groups: number): Float32Array {
  const [c = 1, makes = 1, kh = 1, kw = 1] = kernel.shape;
  const [taps, reads, out] = [kh * kw, c / groups, makes * groups];
  const from = floatsOf(kernel);
  const data = new Float32Array(from.length);
  for (let channel = 0; channel < c; channel++)
    for (let o = 0; o < makes; o++)
      for (let t = 0; t < taps; t++) {
        const column = Math.floor(channel / reads) * makes + o;
        data[(t * reads + (channel % reads)) * out + column] = from[(channel * makes + o) * taps + t] ?? 0;
      }
  return data;
}

/** Channels to places. In mode DCR, place k of channel c is channel k C + c; in CRD, ours, it is c f f + k. */
export function depthToSpace(call: Call): readonly Value[] {
  const x = asMap(call, call.live(0));
  const factor = call.int('blocksize', 1);
  const mode = call.text('mode', 'DCR');
  const { draft, path } = call;
  if (!isMap(x.shape)) return call.fail('over a map of one place has no counterpart');
  const [all, places] = [draft.channels(x.id), factor ** 2];
  if (all % places)
    return call.fail(`${all} channels do not divide into squares of ${factor}x${factor} places`);
  if (mode !== 'DCR' && mode !== 'CRD') return call.fail(`mode ${mode} is not one of ONNX`);
  const c = all / places;
  const order = Array.from({ length: all }, (_, i) => (i % places) * c + Math.floor(i / places));
  const ordered =
    mode === 'CRD' || order.every((from, i) => from === i)
      ? x.id
      : draft.emit(`${path}/permute`, { kind: 'permute', order }, [x.id]);
  const made = draft.emit(path, { kind: 'pixelShuffle', factor }, [ordered]);
  return call.result(made, channelsFirst(x.axes[0] ?? [], draft.shape(made)));
}
