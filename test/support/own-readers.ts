/** @file Our own files, damaged: weights in every encoding (both files), graphs, checkpoints. */
import { graph, input } from '../../src/compose/index.ts';
import { fromJson } from '../../src/graph/json.ts';
import { packCheckpoint, unpackCheckpoint } from '../../src/learn/train/checkpoint.ts';
import {
  binary,
  circulant,
  codebook,
  encodings,
  float,
  half,
  hashed,
  materialize,
  type Net,
  net,
  pack,
  packCompact,
  quantized,
  readSafetensors,
  sparse,
  ternary,
  unpack,
  unpackCompact,
  type Weight,
  writeSafetensors,
} from '../../src/weights/index.ts';
import { type Bytes, type FuzzedReader, mutate, mutateJson } from './damage.ts';

const values = float(
  [8, 8],
  Float32Array.from({ length: 64 }, (_, i) => (i % 3 ? Math.sin(i) : 0)),
);
const encoded: readonly Weight[] = [
  values,
  half(values),
  quantized(values, { bits: 3 }),
  ternary(values),
  binary(values),
  codebook(values, Float32Array.of(-1, 0, 1)),
  hashed(values, 5, 1),
  circulant(values, 8),
  sparse(codebook(values, Float32Array.of(-1, 0, 1))),
];
if (new Set(encoded.map((w) => w.encoding)).size !== encodings.length)
  throw new Error('an encoding is missing');

/** One dense layer in each encoding. */
const g = graph(
  'g',
  input(1, 1, 8)
    .globalPool()
    .pipe('head', (x) => encoded.reduce((y) => y.dense(8, { bias: false }), x)),
);
const kernels = g.nodes.filter((node) => node.op.kind === 'dense').map((node) => node.id);
const whole: Net = net(g, new Map(kernels.map((id, i) => [`${id}:kernel`, encoded[i] as Weight] as const)));
const readAll = (read: Net): void => {
  for (const weight of read.weights.values()) materialize(weight);
};
const { graphJson, weights } = pack(whole);
const compact = packCompact(whole) as Bytes;
const specs = { 'weight/a': { shape: [2], dtype: 'float32' } } as const;
const checkpoint = packCheckpoint({ 'weight/a': Float32Array.of(1, 2) }, specs, {
  step: 2,
  recipe: 'r',
  history: { loss: [1.5, 1], validation: [[2, 0.5]] },
}) as Bytes;
const text = (bytes: Bytes): string => new TextDecoder().decode(bytes);
const bytesOf = (json: string): Bytes => new Uint8Array(new TextEncoder().encode(json));

const asBytes = (bytes: Uint8Array): Bytes => new Uint8Array(bytes);
/** Damage anywhere, and in every other case within the JSON that is in the file, if any. */
const reader = (
  bytes: Uint8Array,
  read: (bytes: Bytes) => void,
  within?: (change: (json: string) => string) => Uint8Array,
): FuzzedReader => ({
  damage: (i, source) => ({
    bytes:
      within && i % 2 ? asBytes(within((json) => mutateJson(json, source))) : mutate(asBytes(bytes), source),
  }),
  read: ({ bytes }) => read(bytes),
});
/** A safetensors file with a text of its metadata changed. */
const retold =
  (bytes: Uint8Array, key: string) =>
  (change: (json: string) => string): Uint8Array => {
    const { tensors, metadata } = readSafetensors(bytes);
    return writeSafetensors({ tensors, metadata: { ...metadata, [key]: change(metadata[key] ?? '') } });
  };
export const ownReaders: Readonly<Record<string, FuzzedReader>> = {
  weights: reader(
    weights,
    (bytes) => readAll(unpack({ graphJson, weights: bytes }, 'net')),
    retold(weights, 'encodings'),
  ),
  compact: reader(compact, (bytes) => readAll(unpackCompact(g, bytes, 'file'))),
  graph: reader(
    bytesOf(graphJson),
    (bytes) => void fromJson(text(bytes), 'file'),
    (change) => bytesOf(change(graphJson)),
  ),
  checkpoint: reader(
    checkpoint,
    (bytes) => void unpackCheckpoint(bytes, specs, 'r'),
    retold(checkpoint, 'progress'),
  ),
};
