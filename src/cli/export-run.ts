/**
 * @file The implementation of `moonlet export`: writes files for other runtimes, after reading them back and comparing
 * outputs.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadStudent, studentFolder } from '../../zoo/index.ts';
import { inputBatches, type PostTrainingOptions, parseSteps, quantizeByData } from '../compress/index.ts';
import { datasets } from '../data/index.ts';
import { MoonletError, UsageError } from '../errors.ts';
import { checkedCard, readTensorNames } from '../export/card.ts';
import { type ExportCard, readExportCard, tensorNames } from '../export/index.ts';
import { readText, withOut } from '../files/index.ts';
import { classesOf, inputShape } from '../graph/index.ts';
import type { OnnxNet } from '../import/index.ts';
import { checkInput } from '../learn/task/data-check.ts';
import { calibrationFor } from '../run/calibration.ts';
import { dataOf } from '../run/files.ts';
import type { PictureHow } from '../run/pictures.ts';
import type { Net } from '../weights/index.ts';
import type { ExportFormat, ExportKind } from './export.ts';
import { agrees, type Exported, type ExportOptions, farness } from './export-compare.ts';
import { exportedFiles, exporters } from './exporters.ts';
import { labelsFrom } from './labels.ts';
import { count, note, print, printJson } from './say.ts';

/** Examples that calibrate `--int8`: enough for ranges, few enough to be quick. */
const mostExamples = 1000;

interface Wanted extends Omit<ExportOptions, 'card' | 'cardJson' | 'tensors'> {
  readonly format: ExportFormat;
  readonly kind: ExportKind;
  readonly data?: string;
  /** Options of the step `quantize`, in words. */
  readonly quantize?: string;
  /** What is done with damaged pictures. */
  readonly pictures: PictureHow;
  readonly labels?: string;
  readonly out: string;
  readonly force: boolean;
  readonly json: boolean;
}

/** Exports a student. @throws MoonletError when the files compute something else than the net; nothing is saved then. */
export async function exportStudent(name: string, wanted: Wanted): Promise<void> {
  const { format, kind, precision, layout } = wanted;
  const net = loadStudent(name);
  const card = cardOf(name, net, await labelsOf(net, wanted.labels));
  const rounded = precision === 'int8' ? await integers(name, net, wanted) : undefined;
  const both = kind === 'transformers';
  const options = {
    force: wanted.force,
    writes: exportedFiles[kind],
    inputs: [studentFolder(name)],
  };
  await withOut(wanted.out, options, async (out) => {
    const made = await exporters[kind]((!both && rounded) || net, {
      ...{ precision, layout, ...card },
      ...(wanted.batch === undefined ? {} : { batch: wanted.batch }),
      webgpu: wanted.webgpu ?? false,
      int4: wanted.int4 ?? true,
      ...(both && rounded ? { integers: rounded } : {}),
    });
    for (const { difference } of [made, ...(made.others ?? [])])
      if (!agrees(difference))
        throw new MoonletError(
          `${name}: the ${format} files give other outputs (${farness(difference)}); nothing is saved`,
        );
    out.publish(made.files);
    say(name, out.folder, format, made, wanted.json);
  });
}

const labelsOf = async ({ graph }: Net, option: string | undefined): Promise<Pick<ExportCard, 'labels'>> =>
  option === undefined ? {} : { labels: await labelsFrom(option, classesOf(graph)) };

/**
 * What the folder's card.json says, with labels given beside; as a file without the sums of its neighbours, which exported ones
 * differ from.
 */
function cardOf(
  name: string,
  net: Net,
  labels: Pick<ExportCard, 'labels'>,
): Pick<ExportOptions, 'card' | 'cardJson' | 'tensors'> {
  const path = join(studentFolder(name), 'card.json');
  const text = existsSync(path) ? readText(path) : undefined;
  const card = checkedCard(net.graph, {
    ...(text === undefined ? {} : readExportCard(text, path)),
    ...labels,
  });
  const tensors = isOnnx(net) ? tensorNames(net) : readTensorNames(text ?? '{}');
  if (text === undefined && !labels.labels) return { card, tensors };
  const { sha256: _, ...rest }: Record<string, unknown> = JSON.parse(text ?? '{}');
  return { card, tensors, cardJson: `${JSON.stringify({ ...rest, ...labels }, null, 2)}\n` };
}

const isOnnx = (net: Net): net is OnnxNet => 'report' in net;

function say(name: string, out: string, format: ExportFormat, made: Exported, json: boolean): void {
  const sizes = made.files.map(({ file, content }) => ({
    file,
    bytes: typeof content === 'string' ? Buffer.byteLength(content) : content.length,
  }));
  const others = made.others ? { others: made.others } : {};
  if (json)
    return printJson({ id: name, format, files: sizes, ...made.difference, ...made.facts, ...others });
  for (const { file, bytes } of sizes) print(`${join(out, file)}  ${count(bytes)} bytes`);
  print(`read back: ${farness(made.difference)}`);
  for (const { file, difference } of made.others ?? []) print(`${file}: ${farness(difference)}`);
  for (const line of made.notes) note(line);
}

/** The net in integers, calibrated on training images or on pictures. @throws MoonletError when there are none to be had. */
async function integers(
  name: string,
  net: Net,
  wanted: Pick<Wanted, 'data' | 'pictures' | 'quantize'>,
): Promise<Net> {
  const { graph } = net;
  if (graph.nodes.some((n) => n.op.kind === 'quantize'))
    throw new MoonletError(`${name}: the net is already quantized; remove --int8`);
  const options = roundingOf(wanted.quantize);
  const data = wanted.data ?? dataOf(name);
  if (data === undefined)
    throw new MoonletError(
      `${name}: --int8 needs images of ${inputShape(graph).join(' x ')} for calibration, and its card names no dataset; give one with --data (${datasets.join(', ')}, or a folder of pictures), or calibrate in code with your own arrays (docs/integers.md)`,
    );
  const images = await calibrationFor(data, { name, graph }, { ...wanted.pictures, say: note });
  checkInput(graph, images.shape, `the images of ${images.name} are`);
  const count = Math.min(images.count, mostExamples);
  note(`calibrated on ${count} images of ${data}`);
  const pixels = images.pixels.subarray(0, (images.pixels.length / images.count) * count);
  return quantizeByData(net, inputBatches({ ...images, count, pixels }), options);
}

/** The options of --quantize. @throws UsageError for one that the step does not have, and for float activations. */
function roundingOf(words: string | undefined): PostTrainingOptions {
  const [step] = parseSteps(words === undefined ? 'quantize' : `quantize=8,${words}`, '--quantize');
  if (step?.step !== 'quantize') throw new UsageError('--quantize: expects options of one step');
  const { step: _, examples: __, ...options } = step;
  if (options.activations === 0)
    throw new UsageError('--quantize: activations=0 leaves values in floats; use compress');
  return options;
}
