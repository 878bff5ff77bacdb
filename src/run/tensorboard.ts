/**
 * @file A run's numbers as an event file that TensorBoard reads: a TFRecord file of `Event` messages (tensorflow/core/util/event.proto,
 * tensorflow/core/lib/io/record_writer.h). protobufjs, which the ONNX files use too, encodes the few
 * fields (docs/design.md says which packages do not).
 */
import { appendFileSync, mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import protobuf from 'protobufjs/light.js';
import { unwritable } from '../files/index.ts';
import type { FitTaskOptions } from '../learn/train/fit.ts';

/** What a run calls. */
export type BoardHooks = Required<Pick<FitTaskOptions, 'onStep' | 'onValidation'>>;
export interface TensorBoard {
  /** The event file. */
  readonly path: string;
  /**
   * The callbacks of a run, as options of `fit`. Tags: `train/loss`, `train/accuracy` and `train/rate`, each loss of several as
   * `train/loss/NAME`, and `held-out/measure` (of classes: the accuracy).
   * @param prefix stands before the tags, such as the name of a stage with a slash.
   * @param before steps of the stages before, which are added to those of this one.
   */
  hooks(prefix?: string, before?: number): BoardHooks;
  /** Writes numbers by tag. */
  scalars(step: number, values: Readonly<Record<string, number>>): void;
  /** Writes what is left in memory. */
  close(): void;
}
export interface TensorBoardOptions {
  /** Seconds since 1970; the clock by default. */
  readonly now?: () => number;
}

/** Events are written when so many bytes are together, or after so many seconds. */
const [mostBytes, mostSeconds] = [2 ** 16, 2];

/**
 * Begins an event file in a folder; TensorBoard shows the folder with `tensorboard --logdir FOLDER`. A run
 * takes `...board.hooks()` among its options. A run that resumes writes
 * another file there, which takes the place of what the files before it have from its first step on.
 * @throws MoonletError for a folder that cannot be written.
 *
 * @example
 * import { mkdtempSync, statSync } from 'node:fs';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { tensorBoard } from 'moonlet/run';
 *
 * const board = tensorBoard(mkdtempSync(join(tmpdir(), 'runs-')));
 * board.scalars(1, { 'train/loss': 2.3 });
 * board.close();
 * statSync(board.path).size > 50; // true
 */
export function tensorBoard(folder: string, o: TensorBoardOptions = {}): TensorBoard {
  const now = o.now ?? (() => Date.now() / 1000);
  const start = now();
  const path = join(folder, `events.out.tfevents.${Math.floor(start)}.${hostname()}.${process.pid}`);
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  let since = start;
  const flush = (): void => {
    if (bytes) guarded(path, () => appendFileSync(path, Buffer.concat(waiting)));
    [waiting, bytes, since] = [[], 0, now()];
  };
  const add = (event: Uint8Array): void => {
    const record = tfRecord(event);
    waiting.push(record);
    bytes += record.length;
    if (bytes >= mostBytes || now() - since >= mostSeconds) flush();
  };
  let begins = true;
  const scalars: TensorBoard['scalars'] = (step, values) => {
    if (begins) add(startEvent(now(), step));
    begins = false;
    add(scalarEvent(now(), step, values));
  };
  guarded(path, () => mkdirSync(folder, { recursive: true }));
  add(versionEvent(start));
  flush();
  return {
    path,
    scalars,
    hooks: (prefix = '', before = 0) => ({
      onStep: ({ step, loss, losses, accuracy, rate }) => {
        const parts = Object.entries(losses).map(
          ([name, value]) => [`${prefix}train/loss/${name}`, value] as const,
        );
        scalars(before + step, {
          [`${prefix}train/loss`]: loss,
          [`${prefix}train/rate`]: rate,
          ...(accuracy === undefined ? {} : { [`${prefix}train/accuracy`]: accuracy }),
          ...(parts.length > 1 ? Object.fromEntries(parts) : {}),
        });
      },
      onValidation: (step, measure) => {
        scalars(before + step, { [`${prefix}held-out/measure`]: measure });
        flush();
      },
    }),
    close: flush,
  };
}

function guarded(path: string, write: () => void): void {
  try {
    write();
  } catch (e) {
    throw unwritable(path, e);
  }
}

/** Tags of protobuf fields: number * 8 + wire type. Event: wall_time, step, file_version, summary, session_log. */
const fields = { wallTime: 0x09, step: 0x10, fileVersion: 0x1a, summary: 0x2a, sessionLog: 0x3a } as const;

function begun(seconds: number, step = 0): protobuf.Writer {
  const writer = protobuf.Writer.create().uint32(fields.wallTime).double(seconds);
  return step ? writer.uint32(fields.step).int64(step) : writer;
}
/** The first event of a file. */
export const versionEvent = (seconds: number): Uint8Array =>
  begun(seconds).uint32(fields.fileVersion).string('brain.Event:2').finish();

/** SessionLog.START: readers forget what earlier files say of this step and of later ones. */
export const startEvent = (seconds: number, step: number): Uint8Array =>
  begun(seconds, step).uint32(fields.sessionLog).fork().uint32(0x08).int32(1).ldelim().finish();

/** A Summary with a Value { tag: 1, simple_value: 2 } for each number, as float32. */
export function scalarEvent(
  seconds: number,
  step: number,
  values: Readonly<Record<string, number>>,
): Uint8Array {
  const writer = begun(seconds, step).uint32(fields.summary).fork();
  for (const [tag, value] of Object.entries(values))
    writer.uint32(0x0a).fork().uint32(0x0a).string(tag).uint32(0x15).float(value).ldelim();
  return writer.ldelim().finish();
}

/** Length, its checksum, the data, their checksum; little-endian. */
export function tfRecord(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(data.length + 16);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc(record.subarray(0, 8)), true);
  record.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc(data), true);
  return record;
}

/** CRC-32C (Castagnoli), reflected, by byte. */
const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});
/** The checksum of TFRecord: rotated right by 15 bits, plus a constant, so that the checksum of data with checksums is none. */
export function maskedCrc(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = crcTable[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  crc = ~crc >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
