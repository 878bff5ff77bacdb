/** @file Writes ONNX nodes, and remembers in which layouts each value of the graph is already stored. */

import type { Fusions, Value } from '../ir.ts';
import type { TraceOptions } from '../types.ts';
import { type BlockMoves, newBlockMoves } from './block-moves.ts';
import type { Emitter } from './emitter.ts';
import { between, blocks, isFree, isPlain, type Layout, lay, nchw, permuted, plain } from './layout.ts';
import { newWriter, type Writer } from './writer.ts';

/** A value as it lies in memory. */
interface Form {
  readonly name: string;
  readonly layout: Layout;
}

/** Where the values of the graph lie. */
type Forms = Pick<Emitter, 'get' | 'put' | 'has' | 'layouts' | 'alias' | 'putNumber' | 'numberOf'>;

export function newEmitter(fusions: Fusions, options: TraceOptions): Emitter {
  const writer = newWriter();
  const { optimize: carry = true, block, poolIndices = true, safeConvs = false } = options;
  return { ...writer, ...newForms(writer, block), carry, block, poolIndices, safeConvs, fusions };
}

function newForms(writer: Writer, block: number | undefined): Forms {
  const forms = new Map<Value, Map<string, Form>>();
  const aliases = new Map<Value, Value>();
  const numbers = new Map<Value, number>();
  const sourceOf = (value: Value): Value => aliases.get(value) ?? value;
  const formsOf = (value: Value): Form[] => [...(forms.get(sourceOf(value))?.values() ?? [])];
  const unknown = ({ node }: Value): Error =>
    new Error(`internal: a value of ${node.source} used before it was lowered`);

  const put: Emitter['put'] = (value, name, layout = plain(value.shape.length)) => {
    if (aliases.has(value)) throw new Error(`internal: a value of ${value.node.source} is lowered twice`);
    const known = forms.get(value) ?? new Map<string, Form>();
    known.set(layout.join(), { name, layout });
    forms.set(value, known);
  };
  const get: Emitter['get'] = (alias, layout = plain(alias.shape.length)) => {
    const value = sourceOf(alias);
    const known = forms.get(value)?.get(layout.join());
    if (known) return known.name;
    const name = bring(value, layout);
    put(value, name, layout);
    return name;
  };
  const has: Emitter['has'] = (value, layout) => forms.get(sourceOf(value))?.has(layout.join()) ?? false;
  const moves: BlockMoves = newBlockMoves({ ...writer, block, get, has });

  const bring = (value: Value, layout: Layout): string => {
    if (layout === blocks) return moves.into(value);
    const shape = lay(value.shape, layout);
    const { op } = value.node;
    if (op.kind === 'constant') {
      if (typeof op.data === 'number') return writer.splat(op.data, shape, value.dtype);
      return writer.constant(permuted(op.data, value.shape, layout), shape, value.dtype);
    }
    const sources = formsOf(value).filter((source) => source.layout !== blocks);
    const free = sources.find(({ layout: from }) => isFree(lay(value.shape, from), between(from, layout)));
    if (free) return writer.reshape(free.name, shape);
    const blocked = forms.get(value)?.get(blocks.join())?.name;
    if (blocked !== undefined) {
      const last = isPlain(layout);
      if (last || layout.join() === nchw.join()) return moves.outOf(value, blocked, last);
      return writer.transpose(get(value, nchw), between(nchw, layout));
    }
    const [first] = sources;
    if (!first) throw unknown(value);
    const best = sources.find((source) => isPlain(source.layout)) ?? first;
    return writer.transpose(best.name, between(best.layout, layout));
  };

  return {
    get,
    put,
    has,
    layouts: (value) => formsOf(value).map((form) => form.layout),
    alias: (value, other) => void aliases.set(value, sourceOf(other)),
    putNumber: (value, number) => void numbers.set(value, number),
    numberOf: (value) => {
      const number = numbers.get(value);
      if (number === undefined && !forms.has(value)) throw unknown(value);
      return number;
    },
  };
}
