/** @file Norms over channels: LayerNormalization, GroupNormalization, InstanceNormalization, and the parts of decomposed ones that only mean something together. */
import { isMap } from '../../../graph/index.ts';
import { float } from '../../../weights/index.ts';
import type { Call, Live, Value } from '../call.ts';
import { type Constant, countOf, floatsOf } from '../constant.ts';
import type { Layer } from '../draft.ts';
import { isBatch, unmixed, unreadable } from '../layout.ts';
import { layerNormOf, type ResponseNorm, shareOf } from '../norm-patterns.ts';
import { type Base, isOnly, joined, offsetsOf, sameAxis, sizeOfAxis, whole } from '../view.ts';

/** Over the last axes of the value, which must be its channels, in any order of the axes before them. */
export function layerNormalization(call: Call): readonly Value[] {
  const x = unmixed(call, call.live(0));
  const { draft, path } = call;
  const c = draft.channels(x.id);
  const over = x.axes.slice(call.axis(call.int('axis', -1), x.axes.length)).flat();
  if (!isOnly(over, 'c') || sizeOfAxis(over) !== c)
    return call.fail('normalizes axes that are not those of all channels alone');
  const order = offsetsOf(over);
  const inOrder = order.every((from, i) => from === i);
  const vector = (constant: Constant): Float32Array => {
    if (countOf(constant.shape) !== c)
      call.fail(`a weight of ${countOf(constant.shape)} values for ${c} channels`);
    const given = floatsOf(constant);
    if (inOrder) return given;
    const values = new Float32Array(c);
    order.forEach((from, i) => {
      values[from] = given[i] ?? 0;
    });
    return values;
  };
  const [gamma, beta] = [call.constant(1), call.optional(2)];
  const name = (constant: Constant | undefined): string | undefined => (inOrder ? constant?.name : undefined);
  const [gammaName, betaName] = [name(gamma), name(beta)];
  const layer: Layer = {
    slots: { gamma: float([c], vector(gamma)), ...(beta ? { beta: float([c], vector(beta)) } : {}) },
    names: {
      ...(gammaName === undefined ? {} : { gamma: gammaName }),
      ...(betaName === undefined ? {} : { beta: betaName }),
    },
  };
  const eps = call.float('epsilon', 1e-5);
  const op = { kind: 'layerNorm', eps, scale: true, offset: beta !== undefined } as const;
  return call.result(draft.emit(path, op, [x.id], layer), x.axes);
}

/**
 * A norm over each channel, or over groups of neighbouring ones on the axis behind the batch (Reshape to [0, groups, -1]): all that is
 * on the axes behind it.
 */
export function instanceNormalization(call: Call): readonly Value[] {
  const x = call.live(0);
  const { draft } = call;
  const [batch = [], over = [], ...others] = x.axes;
  const [groups, c] = [sizeOfAxis(over), draft.channels(x.id)];
  const shape = draft.shape(x.id);
  const inside = others.flat();
  const covers = (base: Base, size: number): boolean =>
    inside.filter((atom) => atom.base === base).reduce((n, atom) => n * atom.size, 1) === size;
  const [h, w] = isMap(shape) ? shape : [1, 1];
  const isGroups = sameAxis(
    joined(over),
    groups === 1 ? [] : [{ base: 'c', size: groups, step: c / groups }],
  );
  const isWhole =
    covers('c', c / groups) && covers('h', h) && covers('w', w) && covers('n', 1) && covers('*', 1);
  if (!isBatch(batch) || !isGroups || !isWhole) return call.fail(unreadable(x));
  return groupNorm(call, x, groups, [call.constant(1), call.constant(2)]);
}

/** GroupNormalization: of opset 18 with a scale for each group, later for each channel. */
export function groupNormalization(call: Call): readonly Value[] {
  const x = unmixed(call, call.live(0));
  const c = call.draft.channels(x.id);
  if (!isBatch(x.axes[0] ?? []) || !sameAxis(x.axes[1] ?? [], whole('c', c))) return call.fail(unreadable(x));
  return groupNorm(call, x, call.int('num_groups', 1), [call.constant(1), call.constant(2)]);
}

/** Without a scale of ones and an offset of zeros. */
function groupNorm(
  call: Call,
  x: Live,
  groups: number,
  given: readonly [scale: Constant, offset: Constant],
): readonly Value[] {
  const { draft, path } = call;
  const c = draft.channels(x.id);
  const [gamma, beta] = given.map((constant) => {
    const values = floatsOf(constant);
    if (values.length !== c && values.length !== groups)
      call.fail(`a weight of ${values.length} values for ${c} channels in ${groups} groups`);
    return values.length === c
      ? values
      : Float32Array.from({ length: c }, (_, i) => values[Math.floor((i * groups) / c)] ?? 0);
  });
  const [scale, offset] = [gamma?.some((v) => v !== 1) ?? false, beta?.some((v) => v !== 0) ?? false];
  const slots = {
    ...(gamma && scale ? { gamma: float([c], gamma) } : {}),
    ...(beta && offset ? { beta: float([c], beta) } : {}),
  };
  const op = { kind: 'groupNorm', groups, eps: call.float('epsilon', 1e-5), scale, offset } as const;
  return call.result(draft.emit(path, op, [x.id], { slots, names: {} }), x.axes);
}

/** A square root, which stands in the deviation of a norm. */
export function squareRoot(call: Call): readonly Value[] {
  const x = call.live(0);
  return call.result(call.draft.emit(call.path, { kind: 'sqrt' }, [x.id]), x.axes);
}

/** The Euclidean norm of each channel of a map, as in a global response norm. */
export function reduceL2(call: Call): readonly Value[] {
  const x = unmixed(call, call.live(0));
  const rank = x.axes.length;
  const reduced = new Set((call.intsOrInput('axes', 1) ?? []).map((axis) => call.axis(axis, rank)));
  const over = x.axes.filter((_, i) => reduced.has(i)).flat();
  const left = x.axes.filter((_, i) => !reduced.has(i)).flat();
  const places = ['h', 'w'] as const;
  const isMaps = over.every(({ base }) => places.some((p) => p === base));
  if (!isMap(call.draft.shape(x.id)) || !isMaps || left.some(({ base }) => base === 'h' || base === 'w'))
    return call.fail(`${unreadable(x)}; only the norm of whole maps is read, as part of a response norm`);
  const id = call.draft.emit(call.path, { kind: 'mapNorm' }, [x.id]);
  const kept = call.int('keepdims', 1) === 1;
  return call.result(
    id,
    kept ? x.axes.map((axis, i) => (reduced.has(i) ? [] : axis)) : x.axes.filter((_, i) => !reduced.has(i)),
  );
}

/** A quotient of two values of the net: a layer norm, or the shares of a response norm. @throws Unreadable for any other. */
export function quotient(call: Call, a: Live, b: Live): readonly Value[] {
  const { draft, path } = call;
  const source = layerNormOf(draft, a.id, b.id);
  if (source) {
    const op = { kind: 'layerNorm', eps: source.eps, scale: false, offset: false } as const;
    return call.result(draft.emit(path, op, [source.x], { slots: {}, names: {} }), a.axes);
  }
  const share = shareOf(draft, a.id, b.id);
  if (share) return call.result(draft.emit(path, { kind: 'share', eps: share.eps }, [share.norms]), a.axes);
  return call.fail('divides by a value of the net, which has no counterpart');
}

/** A response norm whose parts were found. */
export function responseNorm({ draft, path }: Call, { x, eps, gamma, beta }: ResponseNorm): string {
  const slots = {
    gamma: float([gamma.length], Float32Array.from(gamma)),
    beta: float([beta.length], Float32Array.from(beta)),
  };
  return draft.emit(path, { kind: 'responseNorm', eps }, [x], { slots, names: {} });
}
