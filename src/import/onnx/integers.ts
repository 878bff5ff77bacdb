/**
 * @file Values that are integers in the file. We compute in float32, where a division is not cut to an integer and a sum does
 * not wrap: ops are read only if floats give the same.
 */
import { MoonletError, quote } from '../../errors.ts';
import type { OnnxDtype, OnnxValue } from '../../onnx/index.ts';
import { type Call, printNode } from './call.ts';

const reals: ReadonlySet<OnnxDtype> = new Set<OnnxDtype>(['float32', 'float16', 'bfloat16', 'float64']);
/** Ops whose outputs have the numbers of their inputs. */
const moves = new Set([
  ...[
    'Reshape',
    'Flatten',
    'Squeeze',
    'Unsqueeze',
    'Transpose',
    'Expand',
    'Slice',
    'Split',
    'Gather',
    'Concat',
  ],
  ...['Identity'],
]);
/** Ops that choose among numbers, and zero: exact for integers that a float holds, but wrong for codes with a zero point. */
const choices = new Set(['Relu', 'Clip', 'Min', 'Max', 'MaxPool', 'GlobalMaxPool', 'ReduceMax']);

/** Follows which values of a model are integers. */
export class Integers {
  /** What each value is, in words. */
  readonly #types = new Map<string, string>();
  /** The node that made codes of the value. */
  readonly #codes = new Map<string, string>();

  constructor(inputs: readonly OnnxValue[]) {
    for (const { name, dtype } of inputs) if (!reals.has(dtype)) this.#types.set(name, dtype);
  }

  /** Notes what the outputs of a node are. @throws Unreadable for an op that floats do not compute as integers do. */
  checkNode(call: Call): void {
    const { opType, inputs, outputs } = call.node;
    const isLive = (_: string, i: number): boolean => call.inputs[i]?.kind === 'live';
    const read = inputs.filter(isLive);
    const coded = read.find((name) => this.#codes.has(name));
    const typed = read.find((name) => this.#types.has(name));
    if (coded !== undefined && opType !== 'DequantizeLinear') {
      if (!moves.has(opType))
        call.fail(
          `computes with the codes of QuantizeLinear; only DequantizeLinear and moves of them are read`,
        );
      for (const name of outputs) this.#codes.set(name, this.#codes.get(coded) ?? '');
    } else if (typed !== undefined && opType !== 'Cast' && opType !== 'Shape') {
      if (!moves.has(opType) && !choices.has(opType))
        call.fail(
          `computes with integers (${this.#types.get(typed)}), and nets compute with floats; cast them first`,
        );
      for (const name of outputs) this.#types.set(name, this.#types.get(typed) ?? '');
    }
    if (opType === 'QuantizeLinear' && read.length)
      for (const name of outputs) this.#codes.set(name, printNode(call.node));
  }

  /** @throws MoonletError for codes: the node of the net has the real values that they stand for. */
  checkOutput(name: string): void {
    const maker = this.#codes.get(name);
    if (maker !== undefined)
      throw new MoonletError(
        `onnx output ${quote(name)}: the integer codes of ${maker}, and outputs are real values; add a DequantizeLinear, or use until with a node or value before (--until)`,
      );
  }
}
