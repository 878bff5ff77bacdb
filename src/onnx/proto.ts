/**
 * @file The messages of onnx.proto that Moonlet uses, by their public field numbers (in the style of proto2: lists are
 * not packed).
 */

import protobuf from 'protobufjs/light.js';

type Field = readonly [name: string, id: number, type: string, list?: 'list' | 'packed'];

export const messages: Readonly<Record<string, readonly Field[]>> = {
  ModelProto: [
    ['irVersion', 1, 'int64'],
    ['producerName', 2, 'string'],
    ['producerVersion', 3, 'string'],
    ['domain', 4, 'string'],
    ['modelVersion', 5, 'int64'],
    ['docString', 6, 'string'],
    ['graph', 7, 'GraphProto'],
    ['opsetImport', 8, 'OperatorSetIdProto', 'list'],
    ['metadataProps', 14, 'StringStringEntryProto', 'list'],
  ],
  OperatorSetIdProto: [
    ['domain', 1, 'string'],
    ['version', 2, 'int64'],
  ],
  StringStringEntryProto: [
    ['key', 1, 'string'],
    ['value', 2, 'string'],
  ],
  GraphProto: [
    ['node', 1, 'NodeProto', 'list'],
    ['name', 2, 'string'],
    ['initializer', 5, 'TensorProto', 'list'],
    ['docString', 10, 'string'],
    ['input', 11, 'ValueInfoProto', 'list'],
    ['output', 12, 'ValueInfoProto', 'list'],
    ['valueInfo', 13, 'ValueInfoProto', 'list'],
  ],
  NodeProto: [
    ['input', 1, 'string', 'list'],
    ['output', 2, 'string', 'list'],
    ['name', 3, 'string'],
    ['opType', 4, 'string'],
    ['attribute', 5, 'AttributeProto', 'list'],
    ['domain', 7, 'string'],
    ['metadataProps', 9, 'StringStringEntryProto', 'list'],
  ],
  AttributeProto: [
    ['name', 1, 'string'],
    ['f', 2, 'float'],
    ['i', 3, 'int64'],
    ['s', 4, 'bytes'],
    ['t', 5, 'TensorProto'],
    ['floats', 7, 'float', 'list'],
    ['ints', 8, 'int64', 'list'],
    ['strings', 9, 'bytes', 'list'],
    ['type', 20, 'int32'],
  ],
  TensorProto: [
    ['dims', 1, 'int64', 'list'],
    ['dataType', 2, 'int32'],
    ['floatData', 4, 'float', 'packed'],
    ['int32Data', 5, 'int32', 'packed'],
    ['int64Data', 7, 'int64', 'packed'],
    ['name', 8, 'string'],
    ['rawData', 9, 'bytes'],
    ['doubleData', 10, 'double', 'packed'],
    ['externalData', 13, 'StringStringEntryProto', 'list'],
    ['dataLocation', 14, 'int32'],
  ],
  ValueInfoProto: [
    ['name', 1, 'string'],
    ['type', 2, 'TypeProto'],
  ],
  TypeProto: [['tensorType', 1, 'TypeProtoTensor']],
  TypeProtoTensor: [
    ['elemType', 1, 'int32'],
    ['shape', 2, 'TensorShapeProto'],
  ],
  TensorShapeProto: [['dim', 1, 'Dimension', 'list']],
  Dimension: [
    ['dimValue', 1, 'int64'],
    ['dimParam', 2, 'string'],
  ],
};

let cached: protobuf.Type | undefined;

/** The message type of a whole model, built on first use. */
export function modelType(): protobuf.Type {
  if (cached) return cached;
  const root = new protobuf.Root();
  for (const [name, fields] of Object.entries(messages)) {
    const type = new protobuf.Type(name);
    for (const [field, id, fieldType, list] of fields) {
      const options = list ? { packed: list === 'packed' } : undefined;
      type.add(new protobuf.Field(field, id, fieldType, list ? 'repeated' : undefined, undefined, options));
    }
    root.add(type);
  }
  cached = root.lookupType('ModelProto');
  return cached;
}
