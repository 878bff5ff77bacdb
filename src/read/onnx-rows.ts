/** @file Writes ops on rows [batch x places, channels]: products of matrices, and windows that move as whole rows. */
import { defined, first, get } from '../access.ts';
import { channelsOf, type OpOf, type Pair, type Shape } from '../graph/index.ts';
import { float, ints } from '../onnx/index.ts';
import { materialize } from '../weights/index.ts';
import { emitRowAttention } from './onnx-attention.ts';
import type { Draft, Emission } from './onnx-draft.ts';
import { channelVector, normOverLast } from './onnx-ops.ts';
import type { RowOrder } from './row-sections.ts';

/** The values of a graph, each as a map [batch, channels, h, w], as rows, or as both where both are read. */
export class Forms {
  readonly #draft: Draft;
  readonly #orders: ReadonlyMap<string, RowOrder>;
  readonly #shapes: ReadonlyMap<string, Shape>;
  readonly #maps = new Map<string, string>();
  readonly #rows = new Map<string, string>();
  readonly #cells = new Map<string, Pair>();

  constructor(d: Draft, orders: ReadonlyMap<string, RowOrder>, shapes: ReadonlyMap<string, Shape>) {
    this.#draft = d;
    this.#orders = orders;
    this.#shapes = shapes;
  }

  /** Keeps what a node made, as rows where it is in a section. */
  keep(id: string, name: string): void {
    (this.#orders.has(id) ? this.#rows : this.#maps).set(id, name);
  }

  /** A value with channels first, or a vector as it is. */
  map(id: string): string {
    const known = this.#maps.get(id);
    if (known !== undefined) return known;
    const d = this.#draft;
    const { size, within, groups, inside } = get(this.#orders, id);
    const c = channelsOf(get(this.#shapes, id));
    let x = get(this.#rows, id);
    x = shaped(d, x, [...groups, ...inside, c]);
    x = d.emit('Transpose', [x], {
      perm: ints(within === 'windows' ? [0, 1, 3, 2, 4, 5] : [0, 3, 1, 4, 2, 5]),
    });
    const last = shaped(d, x, [...size, c]);
    const made = d.emit('Transpose', [last], { perm: ints([0, 3, 1, 2]) });
    this.#maps.set(id, made);
    return made;
  }

  /** A value as rows of one order; as cells [batch x places, a, b] where a shuffle left it so. */
  rows(id: string, { within, groups, inside }: RowOrder): string {
    const known = this.#rows.get(id);
    if (known !== undefined) return known;
    const d = this.#draft;
    const c = channelsOf(get(this.#shapes, id));
    let x = d.emit('Transpose', [get(this.#maps, id)], { perm: ints([0, 2, 3, 1]) });
    const isWindows = within === 'windows';
    const [a, b] = isWindows ? [groups, inside] : [inside, groups];
    x = shaped(d, x, [a[0], b[0], a[1], b[1], c]);
    x = d.emit('Transpose', [x], { perm: ints(isWindows ? [0, 1, 3, 2, 4, 5] : [0, 2, 4, 1, 3, 5]) });
    const made = shaped(d, x, [c]);
    this.#rows.set(id, made);
    return made;
  }

  /** Channels as cells [a, b] on two axes. */
  cells(x: string): Pair | undefined {
    return this.#cells.get(x);
  }
  asCells(x: string, cells: Pair): string {
    this.#cells.set(x, cells);
    return x;
  }
}

/** Whatever the batch size is. */
const shaped = (d: Draft, x: string, dims: readonly number[]): string =>
  d.emit('Reshape', [x, d.constant('int64', [dims.length + 1], [-1, ...dims])]);

type Elementwise = (e: Emission) => string;

/** Writes one op of a section. @param elementwise writes ops that are the same for every form. */
export function emitRows(e: Emission, forms: Forms, order: RowOrder, elementwise: Elementwise): string {
  const { draft: d, op } = e;
  const flat = (x: string): string => {
    const cells = forms.cells(x);
    return cells ? shaped(d, x, [cells[0] * cells[1]]) : x;
  };
  if (op.kind === 'shuffle') return shuffled({ ...e, op }, forms);
  if (op.kind === 'slice') return sliced({ ...e, op }, forms, flat);
  if (op.kind === 'attention') return emitRowAttention({ ...e, op }, order);
  const rows = { ...e, ins: e.ins.map(flat), shapes: e.shapes.map((shape): Shape => [channelsOf(shape)]) };
  switch (op.kind) {
    case 'layerNorm':
      return normOverLast({ ...rows, op }, first(rows.ins));
    case 'groupNorm':
      return wholeNorm({ ...rows, op }, order);
    case 'conv':
      return product({ ...rows, op });
    case 'scale':
      return d.emit('Mul', [first(rows.ins), channelVector(rows, 'gamma')]);
    default:
      return elementwise(rows);
  }
}

/** A 1x1 conv: its kernel is a matrix [in, out]. */
function product({ draft: d, ins, weight, named }: Emission<OpOf<'conv'>>): string {
  const kernel = defined(weight('kernel'), 'kernel');
  const [, , inner = 1, out = 1] = kernel.shape;
  const bias = weight('bias');
  const operands = [d.constant('float32', [inner, out], materialize(kernel), named('kernel'))];
  if (bias) operands.push(d.constant('float32', [out], materialize(bias), named('bias')));
  return d.emit('Gemm', [first(ins), ...operands]);
}

/** The norm of all numbers of an image. */
function wholeNorm(e: Emission<OpOf<'groupNorm'>>, { size: [h, w] }: RowOrder): string {
  const { draft: d, op } = e;
  const c = channelsOf(first(e.shapes));
  const same = (value: number): string =>
    d.weight(`1 times ${value}`, () => d.constant('float32', [1], Float32Array.of(value)));
  const images = shaped(d, first(e.ins), [1, h * w * c]);
  const normed = d.emit('InstanceNormalization', [images, same(1), same(0)], {
    epsilon: float(op.eps),
  });
  const rows = shaped(d, normed, [c]);
  const scaled = op.scale ? d.emit('Mul', [rows, channelVector(e, 'gamma')]) : rows;
  return op.offset ? d.emit('Add', [scaled, channelVector(e, 'beta')]) : scaled;
}

/** Leaves cells, so that a shuffle and the one that undoes it after a slice are two transposes that runtimes cancel. */
function shuffled({ draft: d, ins, shapes, op }: Emission<OpOf<'shuffle'>>, forms: Forms): string {
  const x = first(ins);
  const cells: Pair = [op.groups, channelsOf(first(shapes)) / op.groups];
  const known = forms.cells(x);
  const split = known?.join() === cells.join() ? x : shaped(d, x, cells);
  return forms.asCells(d.emit('Transpose', [split], { perm: ints([0, 2, 1]) }), [cells[1], cells[0]]);
}

function sliced(
  { draft: d, ins, op }: Emission<OpOf<'slice'>>,
  forms: Forms,
  flat: (x: string) => string,
): string {
  const x = first(ins);
  const [, inner = 1] = forms.cells(x) ?? [];
  const number = (n: number): string => d.constant('int64', [1], [n]);
  const fits = inner > 1 && op.from % inner === 0 && op.to % inner === 0;
  const [source, unit] = fits ? [x, inner] : [flat(x), 1];
  const made = d.emit('Slice', [source, number(op.from / unit), number(op.to / unit), number(1)]);
  return fits ? forms.asCells(made, [(op.to - op.from) / inner, inner]) : made;
}
