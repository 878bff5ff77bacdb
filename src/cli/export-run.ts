/** @file What `moonlet export` runs: files for other runtimes, loaded back and compared before anything is saved. */
import { join } from 'node:path';
import { loadStudent, studentFolder } from '../../zoo/index.ts';
import { quantizeByData } from '../compress/index.ts';
import { datasets } from '../data/index.ts';
import { MoonletError } from '../errors.ts';
import { withOut } from '../files/index.ts';
import { classesOf, inputShape } from '../graph/index.ts';
import { checkFit, passes } from '../learn/task/index.ts';
import { dataOf } from '../run/files.ts';
import { dataFor } from '../run/pictures.ts';
import type { Net } from '../weights/index.ts';
import type { ExportFormat } from './export.ts';
import { agrees, type Exported, type ExportOptions, exportedFiles, exporters, farness } from './exporters.ts';
import { count, note, print, printJson } from './say.ts';

/** Examples that calibrate `--int8`: enough for ranges, few enough to be quick. */
const calibrating = { batch: 250, batches: 4 } as const;

interface Wanted extends ExportOptions {
  readonly format: ExportFormat;
  readonly data?: string;
  readonly out: string;
  readonly force: boolean;
  readonly json: boolean;
}

/** Exports a student. @throws MoonletError when the files compute something else than the net; nothing is saved then. */
export async function exportStudent(name: string, wanted: Wanted): Promise<void> {
  const { format, precision, layout } = wanted;
  const net = loadStudent(name);
  const given = precision === 'int8' ? await integers(name, net, wanted.data) : net;
  const options = {
    force: wanted.force,
    writes: exportedFiles[format],
    inputs: [studentFolder(name)],
  };
  await withOut(wanted.out, options, async (out) => {
    const made = await exporters[format](given, { precision, layout });
    if (!agrees(made.difference))
      throw new MoonletError(
        `${name}: the ${format} files compute otherwise (${farness(made.difference)}); nothing is saved`,
      );
    out.publish(made.files);
    say(name, out.folder, format, made, wanted.json);
  });
}

function say(name: string, out: string, format: ExportFormat, made: Exported, json: boolean): void {
  const sizes = made.files.map(({ file, content }) => ({
    file,
    bytes: typeof content === 'string' ? Buffer.byteLength(content) : content.length,
  }));
  if (json) return printJson({ id: name, format, files: sizes, ...made.difference, ...made.facts });
  for (const { file, bytes } of sizes) print(`${join(out, file)}  ${count(bytes)} bytes`);
  print(`loaded back: ${farness(made.difference)}`);
  for (const line of made.notes) note(line);
}

/** The net in integers, calibrated on training images. @throws MoonletError when there are none to be had. */
async function integers(name: string, net: Net, wanted: string | undefined): Promise<Net> {
  if (net.graph.nodes.some((n) => n.op.kind === 'quantize'))
    throw new MoonletError(`${name}: its values are rounded to integers already; leave --int8 out`);
  const data = wanted ?? dataOf(name);
  if (data === undefined)
    throw new MoonletError(
      `${name}: --int8 needs images of ${inputShape(net.graph).join(' x ')} to calibrate on, and its card names no dataset; name one by --data (${datasets.join(', ')}), or calibrate on arrays in code (docs/integers.md)`,
    );
  const set = await dataFor(data, { name, graph: net.graph }, { say: note });
  checkFit(net.graph, classesOf(net.graph), set);
  const batches: Float32Array[] = [];
  for (const { x } of passes(set.train, set, calibrating.batch)) {
    batches.push(x);
    if (batches.length === calibrating.batches) break;
  }
  return quantizeByData(net, batches);
}
