/** @file Writes an ONNX model as protobuf bytes. Tensor values go as raw little-endian data. */

import { MoonletError } from '../errors.ts';
import { packedInt4 } from './int4.ts';
import type { OnnxAttribute, OnnxDtype, OnnxModel, OnnxTensor, OnnxValue } from './model.ts';
import { modelType } from './proto.ts';

/** onnx.proto's TensorProto.DataType. */
export const dataTypes: Readonly<Record<OnnxDtype, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
  int4: 22,
};

/**
 * The protobuf bytes of `model`.
 *
 * @throws MoonletError when a tensor's data does not fill its shape.
 */
export function encodeModel(model: OnnxModel): Uint8Array {
  const domains = Object.entries(model.domains ?? {}).map(([domain, version]) => ({ domain, version }));
  const type = modelType();
  const message = type.create({
    irVersion: model.irVersion ?? 8,
    producerName: model.producer ?? 'moonlet',
    ...(model.producerVersion === undefined ? {} : { producerVersion: model.producerVersion }),
    ...(model.doc === undefined ? {} : { docString: model.doc }),
    opsetImport: [{ domain: '', version: model.opset ?? 18 }, ...domains],
    metadataProps: Object.entries(model.metadata ?? {}).map(([key, value]) => ({ key, value })),
    graph: {
      name: model.name,
      node: model.nodes.map((node) => ({
        input: node.inputs,
        output: node.outputs,
        ...(node.name === undefined ? {} : { name: node.name }),
        opType: node.opType,
        ...(node.domain === undefined ? {} : { domain: node.domain }),
        attribute: Object.entries(node.attributes ?? {}).map(([name, value]) => attributeProto(name, value)),
        metadataProps: Object.entries(node.metadata ?? {}).map(([key, value]) => ({ key, value })),
      })),
      initializer: model.initializers.map(tensorProto),
      input: model.inputs.map(valueProto),
      output: model.outputs.map(valueProto),
    },
  });
  return type.encode(message).finish();
}

function attributeProto(name: string, attribute: OnnxAttribute): object {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  switch (attribute.kind) {
    case 'float':
      return { name, type: 1, f: attribute.value };
    case 'int':
      return { name, type: 2, i: attribute.value };
    case 'string':
      return { name, type: 3, s: bytes(attribute.value) };
    case 'tensor':
      return { name, type: 4, t: tensorProto(attribute.value) };
    case 'floats':
      return { name, type: 6, floats: attribute.value };
    case 'ints':
      return { name, type: 7, ints: attribute.value };
    case 'strings':
      return { name, type: 8, strings: attribute.value.map(bytes) };
    case 'other':
      throw new MoonletError(`onnx attribute "${name}" of type ${attribute.type} cannot be written`);
  }
}

function valueProto(value: OnnxValue): object {
  const dim = value.shape.map((size) => (typeof size === 'string' ? { dimParam: size } : { dimValue: size }));
  return { name: value.name, type: { tensorType: { elemType: dataTypes[value.dtype], shape: { dim } } } };
}

function tensorProto(tensor: OnnxTensor): object {
  const size = tensor.shape.reduce((product, dim) => product * dim, 1);
  if (tensor.data.length !== size) {
    throw new MoonletError(
      `onnx tensor "${tensor.name}" of shape [${tensor.shape.join(', ')}]: got ${tensor.data.length} values, ` +
        `needs ${size}; give one value per element`,
    );
  }
  return {
    name: tensor.name,
    dataType: dataTypes[tensor.dtype],
    dims: tensor.shape,
    rawData: rawBytes(tensor),
  };
}

function rawBytes({ dtype, data }: OnnxTensor): Uint8Array {
  const view = (array: ArrayBufferView): Uint8Array =>
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  switch (dtype) {
    case 'float32':
      return view(data instanceof Float32Array ? data : Float32Array.from(data));
    case 'float16':
    case 'bfloat16':
    case 'uint16':
      return view(data instanceof Uint16Array ? data : Uint16Array.from(data));
    case 'int16':
      return view(data instanceof Int16Array ? data : Int16Array.from(data));
    case 'float64':
      return view(data instanceof Float64Array ? data : Float64Array.from(data));
    case 'int32':
      return view(data instanceof Int32Array ? data : Int32Array.from(data));
    case 'int8':
      return view(data instanceof Int8Array ? data : Int8Array.from(data));
    case 'int4':
      return packedInt4(data);
    case 'int64':
      return view(BigInt64Array.from(Array.from(data, BigInt)));
    case 'uint8':
    case 'bool':
      return view(data instanceof Uint8Array ? data : Uint8Array.from(data));
  }
}
