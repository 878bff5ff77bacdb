/** @file Reads an ONNX model from protobuf bytes. */

import { MoonletError, quote } from '../errors.ts';
import { dataTypes } from './encode.ts';
import { checkEntries } from './limits.ts';
import { readMessage } from './message.ts';
import {
  type OnnxAttribute,
  type OnnxDtype,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValue,
  onnxDtypes,
} from './model.ts';
import { type ExternalFile, type Source, type TensorMessage, tensorFrom } from './tensor-data.ts';

interface AttributeMessage {
  readonly name: string;
  readonly type: number;
  readonly f: number;
  readonly i: number;
  readonly s: Uint8Array;
  readonly t: TensorMessage | null;
  readonly floats: readonly number[];
  readonly ints: readonly number[];
  readonly strings: readonly Uint8Array[];
}

interface ValueMessage {
  readonly name: string;
  readonly type: {
    readonly tensorType: {
      readonly elemType: number;
      readonly shape: {
        readonly dim: readonly { readonly dimValue: number; readonly dimParam: string }[];
      } | null;
    } | null;
  } | null;
}

interface ModelMessage {
  readonly irVersion: number;
  readonly producerName: string;
  readonly producerVersion: string;
  readonly docString: string;
  readonly opsetImport: readonly { readonly domain: string; readonly version: number }[];
  readonly metadataProps: readonly { readonly key: string; readonly value: string }[];
  readonly graph: {
    readonly name: string;
    readonly node: readonly {
      readonly input: readonly string[];
      readonly output: readonly string[];
      readonly name: string;
      readonly opType: string;
      readonly domain: string;
      readonly attribute: readonly AttributeMessage[];
      readonly metadataProps: readonly { readonly key: string; readonly value: string }[];
    }[];
    readonly initializer: readonly TensorMessage[];
    readonly input: readonly ValueMessage[];
    readonly output: readonly ValueMessage[];
  } | null;
}

export interface DecodeOptions {
  /** Gives the bytes of a file in the folder of the model, where large models keep their weights. */
  readonly external?: ExternalFile;
  /** Large tensors are views of `bytes` in place of copies: half of the memory, and `bytes` must not change afterwards. */
  readonly shared?: boolean;
}

/**
 * The model in `bytes`.
 *
 * @throws MoonletError when the bytes are no ONNX model, have more entries than a network has, hold a type that is not
 * read here, or keep values in another file and `external` is missing.
 */
export function decodeModel(bytes: Uint8Array, o: DecodeOptions = {}): OnnxModel {
  const {
    external = (location: string): never => {
      throw new MoonletError(
        `onnx model: needs the file ${quote(location)} in the folder of the model; pass a function that reads it, or save one file with all data`,
      );
    },
    shared = false,
  } = o;
  const source: Source = { external, shared };
  const message = parse(bytes);
  const graph = message.graph;
  if (!graph) throw new MoonletError('onnx model: the bytes hold no graph; give the bytes of an .onnx file');
  const isOwn = (domain: string): boolean => domain === '' || domain === 'ai.onnx';
  const domains = message.opsetImport.filter(({ domain }) => !isOwn(domain));
  const opset = message.opsetImport.find(({ domain }) => isOwn(domain))?.version;
  const entries = (list: readonly { readonly key: string; readonly value: string }[]) =>
    Object.fromEntries(list.map(({ key, value }) => [key, value]));
  return {
    name: graph.name,
    nodes: graph.node.map(
      (node): OnnxNode => ({
        ...(node.name === '' ? {} : { name: node.name }),
        opType: node.opType,
        ...(node.domain === '' ? {} : { domain: node.domain }),
        inputs: node.input,
        outputs: node.output,
        attributes: Object.fromEntries(
          node.attribute.map((attribute) => [attribute.name, read(attribute, source)]),
        ),
        ...(node.metadataProps.length ? { metadata: entries(node.metadataProps) } : {}),
      }),
    ),
    initializers: graph.initializer.map((initializer) => tensor(initializer, source)),
    inputs: graph.input.map(value),
    outputs: graph.output.map(value),
    ...(opset === undefined ? {} : { opset }),
    domains: Object.fromEntries(domains.map(({ domain, version }) => [domain, version])),
    irVersion: message.irVersion,
    producer: message.producerName,
    ...(message.producerVersion === '' ? {} : { producerVersion: message.producerVersion }),
    ...(message.docString === '' ? {} : { doc: message.docString }),
    metadata: entries(message.metadataProps),
  };
}

const tensor = (message: TensorMessage, source: Source): OnnxTensor =>
  tensorFrom(message, dtypeOf(message.dataType, `tensor ${quote(message.name)}`), source);

function parse(bytes: Uint8Array): ModelMessage {
  try {
    checkEntries(bytes);
    return readMessage('ModelProto', bytes) as unknown as ModelMessage;
  } catch (error) {
    if (error instanceof MoonletError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new MoonletError(
      `onnx model of ${bytes.length} bytes: not a protobuf (${reason}); give an .onnx file`,
    );
  }
}

function dtypeOf(code: number, where: string): OnnxDtype {
  const dtype = onnxDtypes.find((name) => dataTypes[name] === code);
  if (dtype) return dtype;
  throw new MoonletError(
    `onnx ${where}: data type ${code} is not read here; use ${Object.keys(dataTypes).join(', ')}`,
  );
}

function value(message: ValueMessage): OnnxValue {
  const tensorType = message.type?.tensorType;
  if (!tensorType)
    throw new MoonletError(`onnx value "${message.name}": not a tensor; only tensors are read`);
  return {
    name: message.name,
    dtype: dtypeOf(tensorType.elemType, `value "${message.name}"`),
    shape: (tensorType.shape?.dim ?? []).map((dim) => (dim.dimParam === '' ? dim.dimValue : dim.dimParam)),
  };
}

function read(message: AttributeMessage, source: Source): OnnxAttribute {
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  switch (message.type) {
    case 1:
      return { kind: 'float', value: message.f };
    case 2:
      return { kind: 'int', value: message.i };
    case 3:
      return { kind: 'string', value: text(message.s) };
    case 4:
      if (message.t) return { kind: 'tensor', value: tensor(message.t, source) };
      break;
    case 6:
      return { kind: 'floats', value: message.floats };
    case 7:
      return { kind: 'ints', value: message.ints };
    case 8:
      return { kind: 'strings', value: message.strings.map(text) };
  }
  return { kind: 'other', type: message.type };
}
