/**
 * @file A pickle reader that executes nothing. It knows the opcodes (Python's pickletools) that occur in PyTorch's state
 * dicts. A GLOBAL must be on a list of names, and a REDUCE makes plain data of it. Everything else is refused. There is
 * no recursion; every byte is read once, so that time and memory are proportional to the file.
 */
import { MoonletError } from '../errors.ts';
import type { Bytes } from './file.ts';
import { Machine, mostPickle } from './pickle-machine.ts';
import type { Pickled, Storage } from './pickled.ts';

/** A state dict has about ten opcodes and a container a tensor. */
const most = { opcodes: 2_000_000, containers: 200_000 };
const containers = new Set([...')\x85\x86\x87t]}R']);

export interface Unpickled {
  readonly value: Pickled;
  /** Where the pickle ends in the bytes. */
  readonly end: number;
  /** The storages that it names, by their keys. */
  readonly storages: ReadonlyMap<string, Storage>;
}

/** The value of a pickle. @throws MoonletError for opcodes and names that are not on the lists, or damage. */
export function unpickle(bytes: Bytes, name: string): Pickled {
  if (bytes.length > mostPickle)
    throw new MoonletError(
      `${name}: the pickle has ${bytes.length} bytes; a state dict has at most ${mostPickle}`,
    );
  return unpickleAt(bytes, name, 0).value;
}

/** What each opcode does, under its byte; STOP and NEWOBJ are in the loop. */
const opcodes: Readonly<Record<string, (m: Machine) => void>> = {
  '\x80': (m) => void m.u8(), // PROTO
  '\x95': (m) => void m.long(), // FRAME
  '(': (m) => m.pushMark(), // MARK
  N: (m) => m.push(null), // NONE
  '\x88': (m) => m.push(true), // NEWTRUE
  '\x89': (m) => m.push(false), // NEWFALSE
  J: (m) => m.push(m.i32()), // BININT
  K: (m) => m.push(m.u8()), // BININT1
  M: (m) => m.push(m.u16()), // BININT2
  '\x8a': (m) => m.push(m.integer(m.u8())), // LONG1
  G: (m) => m.push(m.f64()), // BINFLOAT
  U: (m) => m.push(m.text(m.u8())), // SHORT_BINSTRING
  T: (m) => m.push(m.text(m.u32())), // BINSTRING
  X: (m) => m.push(m.text(m.u32())), // BINUNICODE
  '\x8c': (m) => m.push(m.text(m.u8())), // SHORT_BINUNICODE
  '\x8d': (m) => m.push(m.text(m.long())), // BINUNICODE8
  ')': (m) => m.push([]), // EMPTY_TUPLE
  '\x85': (m) => m.push(m.popTuple(1)), // TUPLE1
  '\x86': (m) => m.push(m.popTuple(2)), // TUPLE2
  '\x87': (m) => m.push(m.popTuple(3)), // TUPLE3
  t: (m) => m.push(m.popToMark()), // TUPLE
  ']': (m) => m.push([]), // EMPTY_LIST
  a: (m) => m.append(m.popTuple(1)), // APPEND
  e: (m) => m.append(m.popToMark()), // APPENDS
  '}': (m) => m.push(new Map()), // EMPTY_DICT
  s: (m) => m.setItems(m.popTuple(2)), // SETITEM
  u: (m) => m.setItems(m.popToMark()), // SETITEMS
  q: (m) => m.remember(m.u8()), // BINPUT
  r: (m) => m.remember(m.u32()), // LONG_BINPUT
  '\x94': (m) => m.remember(), // MEMOIZE
  h: (m) => m.recall(m.u8()), // BINGET
  j: (m) => m.recall(m.u32()), // LONG_BINGET
  c: (m) => m.global(m.line(), m.line()), // GLOBAL
  '\x93': (m) => {
    const [attribute, module] = [m.pop(), m.pop()]; // STACK_GLOBAL
    m.global(String(module), String(attribute));
  },
  R: (m) => m.reduce(), // REDUCE
  Q: (m) => m.storage(), // BINPERSID
  b: (m) => m.build(), // BUILD
};

/** The pickle that begins at a byte of a file. @throws MoonletError as above. */
export function unpickleAt(file: Bytes, name: string, start: number): Unpickled {
  const machine = new Machine(file, name, start);
  let [ran, made] = [0, 0];
  for (;;) {
    const code = String.fromCharCode(machine.u8());
    if (code === '.') return { value: machine.pop(), end: machine.position, storages: machine.storages }; // STOP
    if (containers.has(code)) made++;
    if (++ran > most.opcodes || made > most.containers)
      machine.fail('the pickle creates more values than a state dict has; it is refused');
    if (code === '\x81' && machine.newObject()) continue; // NEWOBJ
    const run = Object.hasOwn(opcodes, code) ? opcodes[code] : undefined;
    if (!run) {
      const hex = code.charCodeAt(0).toString(16).padStart(2, '0');
      return machine.fail(
        `the pickle's opcode 0x${hex} at byte ${machine.position - 1} does not occur in a state dict; it is refused`,
      );
    }
    run(machine);
  }
}
