/** @file Concat along channels, and stacking, which a channel shuffle may be written with. */
import { isMap } from '../../../graph/index.ts';
import type { Call, Live, Value } from '../call.ts';
import { flattened, inVector, orderChannels } from '../layout.ts';
import { type Axis, isOnly, isWhole, sameAxis, whole } from '../view.ts';

export function concat(call: Call): readonly Value[] {
  const given = call.inputs.map((_, i) => call.live(i));
  const [first] = given;
  if (!first) return call.fail('has no inputs');
  if (given.length === 1) return [first];
  const index = call.axis(call.int('axis', 1), first.axes.length);
  const { draft } = call;
  const isMixed = given.some(({ id }) => !isMap(draft.shape(id)));
  const inputs = isMixed ? given.map((x) => flattened(call, inVector(call, x))) : given;
  const places = (x: Live): readonly Axis[] => x.axes.map((axis) => axis.filter(({ base }) => base !== 'c'));
  const [base = first] = inputs;
  const fits = inputs.every(
    (x) =>
      x.axes.length === base.axes.length &&
      places(x).every((axis, i) => sameAxis(axis, places(base)[i] ?? [])),
  );
  if (!fits) return call.fail('joins along an axis that is not that of the channels');
  const others = base.axes.filter((axis, i) => i !== index && axis.some((atom) => atom.base === 'c'));
  return others.length ? stacked(call, inputs, index) : joined(call, inputs, index);
}

/** All channels are on the axis: the values one after another. */
function joined(call: Call, inputs: readonly Live[], index: number): readonly Value[] {
  const { draft, path } = call;
  const ordered = inputs.map((x) => {
    const axis = x.axes[index] ?? [];
    return isOnly(axis, 'c')
      ? orderChannels(call, x, index)
      : call.fail('joins along an axis that is not that of the channels');
  });
  const id = draft.emit(
    path,
    { kind: 'concat' },
    ordered.map((x) => x.id),
  );
  const [first] = ordered;
  const axes = first?.axes.map((axis, i) => (i === index ? whole('c', draft.channels(id)) : axis));
  return call.result(id, axes ?? []);
}

/** The axis counts the slowest digit of the channels, the rest of which are on one other axis. */
function stacked(call: Call, inputs: readonly Live[], index: number): readonly Value[] {
  const { draft, path } = call;
  const [first] = inputs;
  const axes = first?.axes ?? [];
  const rest = axes.flatMap((axis, i) => (i !== index && axis.some(({ base }) => base === 'c') ? [i] : []));
  const [other = 0] = rest;
  const size = axes[other]?.reduce((n, atom) => n * atom.size, 1) ?? 1;
  const counts = inputs.map((x) => draft.channels(x.id) / size);
  const fits =
    rest.length === 1 &&
    inputs.every(
      (x, i) =>
        isWhole(x.axes[other] ?? [], 'c', size) && isSlowest(x.axes[index] ?? [], size, counts[i] ?? 0),
    );
  if (!fits) return call.fail('joins along a part of the channels in a layout that has no counterpart');
  const id = draft.emit(
    path,
    { kind: 'concat' },
    inputs.map((x) => x.id),
  );
  const total = counts.reduce((n, count) => n + count, 0);
  const digit: Axis = [{ base: 'c', size: total, step: size }];
  return call.result(
    id,
    axes.map((axis, i) => (i === index ? digit : axis)),
  );
}
function isSlowest(axis: Axis, step: number, count: number): boolean {
  const [atom] = axis;
  if (count === 1) return axis.length === 0;
  return axis.length === 1 && atom?.base === 'c' && atom.step === step && atom.size === count;
}
