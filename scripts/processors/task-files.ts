/** @file A task, and arrays, as the content of files: what a process, or a page, is given and gives back. */
import type { Arrays } from '../../src/jit/index.ts';
import {
  type Net,
  pack,
  readSafetensors,
  type StoredTensor,
  unpack,
  writeSafetensors,
} from '../../src/weights/index.ts';

/**
 * A `step` is one traced training step, `infer` a compiled net, and `integers` an integer net twice: compiled, and as the
 * exported file under onnxruntime's own defaults.
 */
export type Kind = 'step' | 'infer' | 'integers';

export interface Task {
  readonly kind: Kind;
  readonly net: Net;
  readonly batch: number;
  /** `x`, and what a step takes besides. */
  readonly inputs: Arrays;
  /** The exported file of an integer net. */
  readonly model?: Uint8Array;
}

/** The content of each file, by its name. */
export function packTask({
  kind,
  net,
  batch,
  inputs,
  model,
}: Task): Readonly<Record<string, string | Uint8Array>> {
  const { graphJson, weights } = pack(net);
  return {
    'task.json': JSON.stringify({ kind, batch, files: model ? ['model.onnx'] : [] }),
    'graph.json': graphJson,
    'weights.safetensors': weights,
    'inputs.safetensors': packArrays(inputs),
    ...(model ? { 'model.onnx': model } : {}),
  };
}

/** @param read gives the bytes of a file. */
export async function unpackTask(read: (file: string) => Promise<Uint8Array>): Promise<Task> {
  const text = async (file: string): Promise<string> => new TextDecoder().decode(await read(file));
  const { kind, batch, files } = JSON.parse(await text('task.json')) as Pick<Task, 'kind' | 'batch'> & {
    readonly files: readonly string[];
  };
  const net = unpack(
    { graphJson: await text('graph.json'), weights: await read('weights.safetensors') },
    'task',
  );
  const inputs = unpackArrays(await read('inputs.safetensors'));
  return { kind, net, batch, inputs, ...(files.length ? { model: await read('model.onnx') } : {}) };
}

export function packArrays(arrays: Arrays): Uint8Array {
  const stored = ([name, data]: [string, Float32Array | Int32Array]): [string, StoredTensor] => [
    name,
    { dtype: data instanceof Float32Array ? 'F32' : 'I32', shape: [data.length], data },
  ];
  return writeSafetensors({ tensors: new Map(Object.entries(arrays).map(stored)), metadata: {} });
}

export function unpackArrays(bytes: Uint8Array): Arrays {
  const arrays: Record<string, Float32Array | Int32Array> = {};
  for (const [name, { data }] of readSafetensors(bytes, 'arrays').tensors)
    if (data instanceof Float32Array || data instanceof Int32Array) arrays[name] = data;
  return arrays;
}
