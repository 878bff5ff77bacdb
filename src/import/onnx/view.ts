/**
 * @file Views: how the axes of an ONNX value are made of the axes of one of our values.
 *
 * An axis is a list of atoms, the slowest first; an atom is a digit of height, width, channels or batch: `size` values,
 * `step` apart. Transposing moves axes, reshaping splits and joins atoms. Neither computes anything, so that transposes
 * cancel, and what is left when a layer reads the value is known exactly: nothing, an order of channels, or a layout
 * that the layer cannot read. A channel shuffle is the axis [{ n, step 1 }, { groups, step n }].
 */
import { isMap, type Shape } from '../../graph/index.ts';

/** `*` repeats one value. */
export type Base = 'n' | 'h' | 'w' | 'c' | '*';
export interface Atom {
  readonly base: Base;
  readonly size: number;
  readonly step: number;
}
/** No atoms: an axis of size 1. */
export type Axis = readonly Atom[];
export type Axes = readonly Axis[];

/** Stands for every batch size: a prime that no other axis has. */
export const anyBatch = 8191;

export const sizeOfAxis = (axis: Axis): number => axis.reduce((size, atom) => size * atom.size, 1);
export const dimsOf = (axes: Axes): number[] => axes.map(sizeOfAxis);

/** An axis that is a whole axis of ours. */
export const whole = (base: Base, size: number): Axis => (size === 1 ? [] : [{ base, size, step: 1 }]);

/** The axes of a value in an order such as `nchw`; axes that a vector does not have are of size 1. */
export function axesOf(order: string, batch: number, shape: Shape): Axes {
  const [h, w, c] = isMap(shape) ? shape : [1, 1, shape[0]];
  const axes = { n: whole('n', batch), h: whole('h', h), w: whole('w', w), c: whole('c', c) };
  return [...order].map((name) => (name === 'n' || name === 'h' || name === 'w' ? axes[name] : axes.c));
}

/** Neighbours that are digits of one number become one atom. */
export function joined(axis: Axis): Axis {
  const atoms: Atom[] = [];
  for (const atom of axis) {
    const before = atoms.at(-1);
    if (before?.base === atom.base && (atom.base === '*' || before.step === atom.step * atom.size)) {
      atoms[atoms.length - 1] = { ...atom, size: before.size * atom.size };
    } else atoms.push(atom);
  }
  return atoms;
}

/** The same values under other sizes; undefined where an atom would have to be split unevenly. */
export function reshaped(axes: Axes, dims: readonly number[]): Axes | undefined {
  const atoms = [...joined(axes.flat())];
  const made: Axis[] = [];
  let index = 0;
  for (const dim of dims) {
    let need = dim;
    const axis: Atom[] = [];
    while (need > 1) {
      const atom = atoms[index];
      if (!atom) return undefined;
      const { size, step } = atom;
      if (need % size === 0) {
        axis.push(atom);
        need /= size;
        index++;
      } else if (size % need === 0) {
        axis.push({ ...atom, size: need, step: step * (size / need) });
        atoms[index] = { ...atom, size: size / need };
        need = 1;
      } else return undefined;
    }
    if (need !== 1) return undefined;
    made.push(joined(axis));
  }
  return index === atoms.length ? made : undefined;
}

/** Without axes of size 1 that stand for one repeated value. */
export const isRepeated = (axis: Axis): boolean => axis.every(({ base }) => base === '*');
export const isOnly = (axis: Axis, base: Base): boolean => axis.every((atom) => atom.base === base);
export const has = (axes: Axes, base: Base): boolean =>
  axes.some((axis) => axis.some((a) => a.base === base));
export const sameAxis = (a: Axis, b: Axis): boolean =>
  a.length === b.length &&
  a.every((atom, i) => {
    const other = b[i];
    return atom.base === other?.base && atom.size === other.size && atom.step === other.step;
  });
export const sameAxes = (a: Axes, b: Axes): boolean =>
  a.length === b.length && a.every((axis, i) => sameAxis(axis, b[i] ?? []));

/** The index in our axis of each index of a list of atoms of one base. */
export function offsetsOf(axis: Axis): readonly number[] {
  return axis.reduce<readonly number[]>(
    (offsets, { size, step }) =>
      offsets.flatMap((from) => Array.from({ length: size }, (_, i) => from + i * step)),
    [0],
  );
}

/** Whether an axis is a whole axis of ours in its order. */
export const isWhole = (axis: Axis, base: Base, size: number): boolean => sameAxis(axis, whole(base, size));

/** Axes in words, for errors. A batch of any size is `n`. */
export const printAxes = (axes: Axes): string =>
  `[${axes.map((axis) => axis.map(({ base, size }) => (size === anyBatch ? base : `${base}${size}`)).join('.') || '1').join(', ')}]`;
