/** @file Converts images to onnxruntime's blocks and back. */

import { int } from '../../onnx/index.ts';
import type { Value, ValueType } from '../ir.ts';
import { reorderInput, reorderOutput } from './blocked-ops.ts';
import type { Emitter } from './emitter.ts';
import { lay, nchw, plain } from './layout.ts';

export interface BlockMoves {
  readonly into: (value: Value) => string;
  /** Brings an image out of blocks, with channels first or last. */
  readonly outOf: (value: Value, name: string, last: boolean) => string;
}

export function newBlockMoves(e: Pick<Emitter, 'block' | 'emit1' | 'reshape' | 'get' | 'has'>): BlockMoves {
  const { block } = e;
  /** Whether an image in blocks has the same order in memory as with channels last, so that nothing has to move. */
  const isAlike = ({ shape: [, height, width, channels = 1] }: Value): boolean =>
    block !== undefined && (channels === block || (height === 1 && width === 1 && channels % block === 0));

  /** onnxruntime reorders floats only; masks and whole numbers are cast to floats for that. */
  const reorder = (
    op: typeof reorderInput,
    name: string,
    channels: number,
    last: boolean,
    dtype: ValueType,
  ): string => {
    if (dtype === 'float32') return op(e, name, channels, last);
    const floats = e.emit1('Cast', [name], { to: int(1) });
    const to = int(dtype === 'bool' ? 9 : 6);
    return e.emit1('Cast', [op(e, floats, channels, last)], { to });
  };

  return {
    outOf: (value, name, last) => {
      const { shape } = value;
      const single = shape[1] === 1 && shape[2] === 1;
      if (isAlike(value) && (last || single)) return e.reshape(name, last ? shape : lay(shape, nchw));
      return reorder(reorderOutput, name, shape[3] ?? 1, last, value.dtype);
    },
    into: (value) => {
      const { op } = value.node;
      const { shape } = value;
      const channels = shape[3] ?? 1;
      if (block === undefined) throw new Error('internal: blocks without blocked convs');
      if (channels % block === 0 && op.kind === 'constant' && typeof op.data === 'number')
        return e.get(value, nchw);
      const last = e.has(value, plain(4)) && !e.has(value, nchw);
      if (isAlike(value) && last) return e.reshape(e.get(value), lay(shape, nchw));
      return reorder(reorderInput, e.get(value, last ? plain(4) : nchw), channels, last, value.dtype);
    },
  };
}
