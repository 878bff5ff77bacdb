/** @file `moonlet export`: a student as files for other runtimes, loaded back and compared before anything is saved. */

import { join } from 'node:path';
import type { Command } from 'commander';
import { loadStudent, studentFolder } from '../../zoo/index.ts';
import { quantizeByData } from '../compress/index.ts';
import { datasets, loadDataset } from '../data/index.ts';
import { MoonletError, suggestion } from '../errors.ts';
import { withOut } from '../files/index.ts';
import { classesOf, inputShape } from '../graph/index.ts';
import { checkFit, passes } from '../learn/task/index.ts';
import { dataOf } from '../run/index.ts';
import type { Net } from '../weights/index.ts';
import {
  agrees,
  type Exported,
  type ExportFormat,
  exportedFiles,
  exporters,
  farness,
  type Precision,
} from './exporters.ts';
import { forceHelp } from './numbers.ts';
import { count, note, print, printJson } from './say.ts';

interface Flags {
  readonly format: string;
  readonly out: string;
  readonly int8?: boolean;
  readonly half?: boolean;
  readonly data?: string;
  readonly layout: string;
  readonly force?: boolean;
  readonly json?: boolean;
}
/** Examples that calibrate `--int8`: enough for ranges, few enough to be quick. */
const calibrating = { batch: 250, batches: 4 } as const;

export const exportCommand = (program: Command): void => {
  program
    .command('export')
    .description('a student as files for other runtimes')
    .argument('<student>', '<dataset>/<id>, or a folder with graph.json and weights.safetensors')
    .requiredOption('--format <format>', Object.keys(exporters).join(', '))
    .requiredOption('--out <folder>', 'where the files go')
    .option('--int8', 'as integers of 8 bits, calibrated on training images; onnx and safetensors')
    .option('--half', 'weights in half precision; onnx')
    .option('--data <name>', "calibrates --int8; a shipped student's own unless told")
    .option('--layout <layout>', "of onnx's input: NHWC or NCHW", 'NHWC')
    .option('--force', forceHelp)
    .option('--json', 'print one JSON document')
    .action(run);
};

async function run(name: string, flags: Flags): Promise<void> {
  const format = formatNamed(flags.format);
  const precision = precisionOf(format, flags);
  const layout = (['NHWC', 'NCHW'] as const).find((l) => l === flags.layout.toUpperCase());
  if (!layout) throw new MoonletError(`no layout "${flags.layout}"; NHWC and NCHW are there`);
  const net = loadStudent(name);
  const given = precision === 'int8' ? await integers(name, net, flags.data) : net;
  const options = {
    force: flags.force ?? false,
    writes: exportedFiles[format],
    inputs: [studentFolder(name)],
  };
  await withOut(flags.out, options, async (out) => {
    const made = await exporters[format](given, { precision, layout });
    if (!agrees(made.difference))
      throw new MoonletError(
        `${name}: the ${format} files compute otherwise (${farness(made.difference)}); nothing is saved`,
      );
    out.publish(made.files);
    say(name, out.folder, format, made, flags.json ?? false);
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

function formatNamed(text: string): ExportFormat {
  const names = Object.keys(exporters) as ExportFormat[];
  const found = names.find((f) => f === text);
  if (found) return found;
  throw new MoonletError(`no format "${text}".${suggestion(text, names)} There are ${names.join(', ')}`);
}

function precisionOf(format: ExportFormat, { int8, half }: Flags): Precision {
  if (int8 && half) throw new MoonletError('--int8 and --half are two precisions; choose one');
  const wanted: Precision = int8 ? 'int8' : half ? 'half' : 'float';
  const able: Readonly<Record<ExportFormat, readonly Precision[]>> = {
    onnx: ['float', 'half', 'int8'],
    safetensors: ['float', 'int8'],
    tfjs: ['float'],
    source: ['float'],
  };
  if (able[format].includes(wanted)) return wanted;
  const formats = (Object.keys(able) as ExportFormat[]).filter((f) => able[f].includes(wanted));
  throw new MoonletError(
    `${format} holds no ${wanted === 'int8' ? 'integers' : 'half precision'}; --${wanted} is for ${formats.join(' and ')}`,
  );
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
  const set = await loadDataset(data);
  checkFit(net.graph, classesOf(net.graph), set);
  const batches: Float32Array[] = [];
  for (const { x } of passes(set.train, set, calibrating.batch)) {
    batches.push(x);
    if (batches.length === calibrating.batches) break;
  }
  return quantizeByData(net, batches);
}
