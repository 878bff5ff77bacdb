/** @file Reads an ONNX model from protobuf bytes. */

import { MoonletError } from '../errors.ts';
import { dataTypes } from './encode.ts';
import {
  type OnnxAttribute,
  type OnnxData,
  type OnnxDtype,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValue,
  onnxDtypes,
} from './model.ts';
import { modelType } from './proto.ts';

interface TensorMessage {
  readonly name: string;
  readonly dataType: number;
  readonly dims: readonly number[];
  readonly rawData: Uint8Array;
  readonly floatData: readonly number[];
  readonly int32Data: readonly number[];
  readonly int64Data: readonly number[];
  readonly doubleData: readonly number[];
  readonly dataLocation: number;
}

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
    }[];
    readonly initializer: readonly TensorMessage[];
    readonly input: readonly ValueMessage[];
    readonly output: readonly ValueMessage[];
  } | null;
}

/**
 * The model in `bytes`.
 *
 * @throws MoonletError when the bytes are no ONNX model, or hold a type or an external tensor that is not
 * read here.
 */
export function decodeModel(bytes: Uint8Array): OnnxModel {
  const message = parse(bytes);
  const graph = message.graph;
  if (!graph) throw new MoonletError('onnx model: the bytes hold no graph; give the bytes of an .onnx file');
  const domains = message.opsetImport.filter(({ domain }) => domain !== '' && domain !== 'ai.onnx');
  const opset = message.opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx')?.version;
  return {
    name: graph.name,
    nodes: graph.node.map(
      (node): OnnxNode => ({
        ...(node.name === '' ? {} : { name: node.name }),
        opType: node.opType,
        ...(node.domain === '' ? {} : { domain: node.domain }),
        inputs: node.input,
        outputs: node.output,
        attributes: Object.fromEntries(node.attribute.map((attribute) => [attribute.name, read(attribute)])),
      }),
    ),
    initializers: graph.initializer.map(tensor),
    inputs: graph.input.map(value),
    outputs: graph.output.map(value),
    ...(opset === undefined ? {} : { opset }),
    domains: Object.fromEntries(domains.map(({ domain, version }) => [domain, version])),
    irVersion: message.irVersion,
    producer: message.producerName,
    ...(message.producerVersion === '' ? {} : { producerVersion: message.producerVersion }),
    ...(message.docString === '' ? {} : { doc: message.docString }),
    metadata: Object.fromEntries(message.metadataProps.map((entry) => [entry.key, entry.value])),
  };
}

function parse(bytes: Uint8Array): ModelMessage {
  const type = modelType();
  try {
    const options = { longs: Number, defaults: true, arrays: true };
    const message = type.toObject(type.decode(bytes), options);
    return {
      irVersion: message['irVersion'],
      producerName: message['producerName'],
      producerVersion: message['producerVersion'],
      docString: message['docString'],
      opsetImport: message['opsetImport'],
      metadataProps: message['metadataProps'],
      graph: message['graph'],
    };
  } catch (error) {
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

function read(message: AttributeMessage): OnnxAttribute {
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  switch (message.type) {
    case 1:
      return { kind: 'float', value: message.f };
    case 2:
      return { kind: 'int', value: message.i };
    case 3:
      return { kind: 'string', value: text(message.s) };
    case 4:
      if (message.t) return { kind: 'tensor', value: tensor(message.t) };
      break;
    case 6:
      return { kind: 'floats', value: message.floats };
    case 7:
      return { kind: 'ints', value: message.ints };
    case 8:
      return { kind: 'strings', value: message.strings.map(text) };
  }
  throw new MoonletError(
    `onnx attribute "${message.name}": type ${message.type} is not read here; no subgraphs`,
  );
}

function tensor(message: TensorMessage): OnnxTensor {
  const dtype = dtypeOf(message.dataType, `tensor "${message.name}"`);
  if (message.dataLocation === 1) {
    throw new MoonletError(
      `onnx tensor "${message.name}": its data lie in another file; save one file with all data`,
    );
  }
  const raw = message.rawData.length > 0;
  return {
    name: message.name,
    dtype,
    shape: message.dims,
    data: raw ? fromRaw(dtype, message.rawData) : typed(dtype, message),
  };
}

function fromRaw(dtype: OnnxDtype, bytes: Uint8Array): OnnxData {
  const { buffer } = Uint8Array.from(bytes); // a copy, since views need aligned offsets (and a Buffer's slice is none)
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer);
    case 'float16':
      return new Uint16Array(buffer);
    case 'float64':
      return new Float64Array(buffer);
    case 'int32':
      return new Int32Array(buffer);
    case 'int8':
      return new Int8Array(buffer);
    case 'int64':
      return Array.from(new BigInt64Array(buffer), Number);
    case 'uint8':
    case 'bool':
      return new Uint8Array(buffer);
  }
}

function typed(dtype: OnnxDtype, message: TensorMessage): OnnxData {
  switch (dtype) {
    case 'float32':
      return Float32Array.from(message.floatData);
    case 'float16':
      return Uint16Array.from(message.int32Data); // onnx.proto keeps their bits there
    case 'float64':
      return Float64Array.from(message.doubleData);
    case 'int32':
      return Int32Array.from(message.int32Data);
    case 'int8':
      return Int8Array.from(message.int32Data);
    case 'int64':
      return message.int64Data;
    case 'uint8':
    case 'bool':
      return Uint8Array.from(message.int32Data);
  }
}
