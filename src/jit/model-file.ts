/** @file A traced model as the bytes of a file, with a checksum: what `jit` keeps on disk. */
import type { Spec, TracedModel } from './types.ts';

/** What a trace finds out, without the specs that it was given. */
export type StoredModel = Omit<TracedModel, 'state' | 'inputs'>;

/** SHA-256 as hexadecimal digits. */
export type Hash = (...parts: readonly (string | Uint8Array)[]) => string;

const format = 'moonlet-model-1';

/** The file: a checksum of what follows it, the length of the header, the header as JSON, the ONNX protobuf. */
export function packModel(key: string, { model, ...table }: StoredModel, hash: Hash): Uint8Array {
  const header = new TextEncoder().encode(JSON.stringify({ format, key, ...table }));
  const body = new Uint8Array(4 + header.length + model.length);
  new DataView(body.buffer).setUint32(0, header.length, true);
  body.set(header, 4);
  body.set(model, 4 + header.length);
  const sum = new TextEncoder().encode(hash(body));
  const file = new Uint8Array(sum.length + body.length);
  file.set(sum);
  file.set(body, sum.length);
  return file;
}

/** The model in a file; undefined where the file is damaged, of another format, or of another key. */
export function unpackModel(key: string, file: Uint8Array, hash: Hash): StoredModel | undefined {
  const [sum, body] = [file.subarray(0, 64), file.subarray(64)];
  if (body.length < 4 || new TextDecoder().decode(sum) !== hash(body)) return undefined;
  const end = 4 + new DataView(body.buffer, body.byteOffset).getUint32(0, true);
  const header: Header = JSON.parse(new TextDecoder().decode(body.subarray(4, end)));
  if (header.format !== format || header.key !== key) return undefined;
  const { nodes, counts, constants, outputs, joined } = header;
  return { model: Uint8Array.from(body.subarray(end)), nodes, counts, constants, outputs, joined };
}

/** As `packModel` wrote it: the checksum says that nobody else did. */
interface Header {
  readonly format: string;
  readonly key: string;
  readonly nodes: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly constants: number;
  readonly outputs: Readonly<Record<string, Spec>>;
  readonly joined: readonly (readonly string[])[];
}
