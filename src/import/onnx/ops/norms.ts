/** @file Norms over channels: LayerNormalization, and the parts of decomposed ones that only mean something together. */
import { isMap } from '../../../graph/index.ts';
import { float } from '../../../weights/index.ts';
import type { Call, Live, Value } from '../call.ts';
import { type Constant, countOf, floatsOf } from '../constant.ts';
import type { Layer } from '../draft.ts';
import { unmixed, unreadable } from '../layout.ts';
import { layerNormOf, type ResponseNorm, shareOf } from '../norm-patterns.ts';
import { isOnly, offsetsOf, sizeOfAxis } from '../view.ts';

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
