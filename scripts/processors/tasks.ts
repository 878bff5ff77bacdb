/**
 * @file What one processor is asked, as files: a net, its inputs, and what is to be done. The numbers are drawn once, where the
 * command runs, so that every processor starts from the same bytes.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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

export function writeTask(folder: string, { kind, net, batch, inputs, model }: Task): void {
  mkdirSync(folder, { recursive: true });
  const { graphJson, weights } = pack(net);
  writeFileSync(join(folder, 'task.json'), JSON.stringify({ kind, batch }));
  writeFileSync(join(folder, 'graph.json'), graphJson);
  writeFileSync(join(folder, 'weights.safetensors'), weights);
  writeArrays(join(folder, 'inputs.safetensors'), inputs);
  if (model) writeFileSync(join(folder, 'model.onnx'), model);
}

export function readTask(folder: string): Task {
  const { kind, batch } = JSON.parse(readFileSync(join(folder, 'task.json'), 'utf8')) as Pick<
    Task,
    'kind' | 'batch'
  >;
  const graphJson = readFileSync(join(folder, 'graph.json'), 'utf8');
  const net = unpack({ graphJson, weights: readFileSync(join(folder, 'weights.safetensors')) }, folder);
  const model = join(folder, 'model.onnx');
  return {
    kind,
    net,
    batch,
    inputs: readArrays(join(folder, 'inputs.safetensors')),
    ...(existsSync(model) ? { model: readFileSync(model) } : {}),
  };
}

export function writeArrays(file: string, arrays: Arrays): void {
  const stored = ([name, data]: [string, Float32Array | Int32Array]): [string, StoredTensor] => [
    name,
    { dtype: data instanceof Float32Array ? 'F32' : 'I32', shape: [data.length], data },
  ];
  const tensors = new Map(Object.entries(arrays).map(stored));
  writeFileSync(file, writeSafetensors({ tensors, metadata: {} }));
}

export function readArrays(file: string): Arrays {
  const { tensors } = readSafetensors(readFileSync(file), file);
  const arrays: Record<string, Float32Array | Int32Array> = {};
  for (const [name, { data }] of tensors) {
    if (data instanceof Float32Array || data instanceof Int32Array) arrays[name] = data;
  }
  return arrays;
}
