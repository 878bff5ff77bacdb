/** @file Reads protobuf messages by the table of their fields. */

import protobuf from 'protobufjs/light.js';
import { messages } from './proto.ts';

/** The values of a message by the names of its fields: absent ones are 0, empty, or null for a message. */
export interface Message {
  [field: string]: unknown;
}

interface FieldReader {
  readonly name: string;
  readonly isList: boolean;
  /** The wire type of one value: 0 a varint, 1 and 5 of 8 and 4 bytes, 2 with a length. */
  readonly wire: number;
  /** The message that it is, or how one value is read. */
  readonly message?: string;
  readonly value: (reader: protobuf.Reader) => unknown;
}
interface MessageReader {
  readonly fields: ReadonlyMap<number, FieldReader>;
  readonly absent: Message;
}

/**
 * The message of this type in `bytes`.
 *
 * @throws Error when it is damaged; `checkEntries` refuses more entries than a network has.
 */
export function readMessage(type: string, bytes: Uint8Array): Message {
  const reader = protobuf.Reader.create(bytes);
  const read = (name: string, end: number, before?: unknown): Message => {
    const { fields, absent } = readerOf(name);
    // a second value of a field is merged with the first
    const message: Message = isMessage(before) ? before : { ...absent };
    while (reader.pos < end) {
      const tag = reader.uint32();
      const field = fields.get(tag >>> 3);
      const wire = tag & 7;
      if (!field || (wire !== field.wire && !(wire === 2 && field.isList)))
        reader.skipType(wire, 0, tag >>> 3);
      else if (wire !== field.wire) readPacked(reader, field, message);
      else if (field.message === undefined) add(message, field, field.value(reader));
      else {
        const length = reader.uint32();
        const first = field.isList ? undefined : message[field.name];
        add(message, field, read(field.message, endOf(reader, length), first));
      }
    }
    if (reader.pos !== end)
      throw new RangeError(`a message ends at ${end}, and its last field at ${reader.pos}`);
    return message;
  };
  return read(type, bytes.length);
}

const isMessage = (value: unknown): value is Message => typeof value === 'object' && value !== null;

/** Numbers without tags of their own, one after another. */
function readPacked(reader: protobuf.Reader, field: FieldReader, message: Message): void {
  const end = endOf(reader, reader.uint32());
  while (reader.pos < end) add(message, field, field.value(reader));
}

function endOf(reader: protobuf.Reader, length: number): number {
  const end = reader.pos + length;
  if (end > reader.len) throw new RangeError(`index out of range: ${reader.pos} + ${length} > ${reader.len}`);
  return end;
}

function add(message: Message, { name, isList }: FieldReader, value: unknown): void {
  const before = message[name];
  if (!isList) message[name] = value;
  else if (Array.isArray(before) && before !== none) before.push(value);
  else message[name] = [value];
}

/** A list that no message has put anything in. */
const none: readonly unknown[] = Object.freeze([]);
const known = new Map<string, MessageReader>();

function readerOf(type: string): MessageReader {
  const before = known.get(type);
  if (before) return before;
  const fields = messages[type] ?? [];
  const made: MessageReader = {
    fields: new Map(
      fields.map(([name, id, kind, list]) => {
        const [wire, value] = scalars[kind] ?? [2, (reader: protobuf.Reader) => reader.bytes()];
        const inner = kind in messages ? { message: kind } : {};
        return [id, { name, isList: list !== undefined, wire, value, ...inner }] as const;
      }),
    ),
    absent: Object.fromEntries(fields.map(([name, , kind, list]) => [name, list ? none : absentOf(kind)])),
  };
  known.set(type, made);
  return made;
}

/** The wire type of each scalar type, and how one value is read. */
const scalars: Readonly<
  Record<string, readonly [wire: number, value: (reader: protobuf.Reader) => unknown]>
> = {
  int64: [0, wholeNumber],
  int32: [0, (reader) => reader.int32()],
  float: [5, (reader) => reader.float()],
  double: [1, (reader) => reader.double()],
  string: [2, (reader) => reader.string()],
};
function absentOf(kind: string): unknown {
  if (kind in messages) return null;
  if (kind === 'string') return '';
  return kind === 'bytes' ? new Uint8Array() : 0;
}

/** A 64-bit integer as a number, exact up to 2^53. */
function wholeNumber(reader: protobuf.Reader): number {
  const { buf, len } = reader;
  let [low, high] = [0, 0];
  for (let shift = 0; shift < 70; shift += 7) {
    if (reader.pos >= len) throw new RangeError(`index out of range: ${reader.pos} + 1 > ${len}`);
    const byte = buf[reader.pos++] ?? 0;
    const bits = byte & 127;
    if (shift < 32) low |= bits << shift;
    if (shift === 28) high |= bits >>> 4;
    if (shift > 32) high |= bits << (shift - 32);
    if (byte < 128) return high * 2 ** 32 + (low >>> 0);
  }
  throw new RangeError('an integer of more than 64 bits');
}
