/**
 * @file Limits of a model's messages, checked before they become objects: a file of a few megabytes can hold millions of
 * empty messages, each of which would take a hundred times its bytes.
 */

import protobuf from 'protobufjs/light.js';
import { MoonletError } from '../errors.ts';
import { messages } from './proto.ts';

/** Messages, strings and single numbers of a model. A net of 10,000 nodes has about 300,000. */
export const mostEntries = 2 ** 21;
/** The levels of messages; a tensor in an attribute of a node is on the fifth. */
const mostLevels = 24;

/** @throws MoonletError when the bytes hold more entries or levels than a network has. */
export function checkEntries(bytes: Uint8Array): void {
  const reader = protobuf.Reader.create(bytes);
  let entries = 0;
  const walk = (name: string, end: number, level: number): void => {
    if (level > mostLevels)
      throw new MoonletError(
        `onnx model: more than ${mostLevels} levels of messages; no network has so many, and the file is damaged`,
      );
    const fields = fieldsOf(name);
    while (reader.pos < end) {
      if (++entries > mostEntries)
        throw new MoonletError(
          `onnx model: more than ${mostEntries} nodes, attributes and tensors; cut the model into smaller ones`,
        );
      const tag = reader.uint32();
      const inner = (tag & 7) === 2 ? fields.get(tag >>> 3) : undefined;
      if (inner === undefined) reader.skipType(tag & 7);
      else {
        const length = reader.uint32();
        walk(inner, reader.pos + length, level + 1);
      }
    }
  };
  walk('ModelProto', bytes.length, 1);
}

const known = new Map<string, ReadonlyMap<number, string>>();
/** The fields of a message that are messages themselves: field number -> message. */
function fieldsOf(name: string): ReadonlyMap<number, string> {
  const before = known.get(name);
  if (before) return before;
  const fields = new Map(
    (messages[name] ?? []).flatMap(([, id, type]) => (type in messages ? [[id, type] as const] : [])),
  );
  known.set(name, fields);
  return fields;
}
