/** @file `moonlet export`: a student as files for other runtimes. */
import type { Command } from 'commander';
import { findStudent } from '../../zoo/folders.ts';
import { checkDataset, datasets } from '../data/index.ts';
import { suggestion, UsageError } from '../errors.ts';
import { labelsHelp } from './labels-help.ts';
import { forceHelp, wholeFlag } from './numbers.ts';
import { picturesBy, skipHelp } from './picture-flags.ts';

export const exportFormats = ['tfjs', 'onnx', 'safetensors', 'source', 'transformers'] as const;
export type ExportFormat = (typeof exportFormats)[number];
/** A format, or a variant of one that has files of its own. */
export type ExportKind = ExportFormat | 'timm';
export type Precision = 'float' | 'half' | 'int8';

interface Flags {
  readonly format: string;
  readonly out: string;
  readonly int8?: boolean;
  readonly half?: boolean;
  readonly quantize?: string;
  readonly data?: string;
  readonly skipDamaged?: boolean;
  readonly layout: string;
  readonly batch?: string;
  readonly webgpu?: boolean;
  readonly int4: boolean;
  readonly names: string;
  readonly labels?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}
export const exportCommand = (command: Command): void => {
  command
    .argument(
      '<student>',
      '<dataset>/<id>, a folder with graph.json and weights.safetensors, or an .onnx file',
    )
    .requiredOption('--format <format>', `${exportFormats.join(', ')} (required)`)
    .requiredOption('--out <folder>', 'where the files go (required)')
    .option(
      '--int8',
      'quantize to 8-bit integers, calibrated on training images or pictures; for onnx, safetensors, transformers',
    )
    .option(
      '--quantize <options>',
      "how --int8 rounds: options of the step quantize of compress, such as 'form=full,method=percentile,round=feedback'",
    )
    .option('--half', 'store weights in half precision; for onnx')
    .option(
      '--data <name>',
      `what calibrates --int8: ${datasets.join(', ')}, or a path: a dataset.json, a folder of IDX files, or a folder or CSV of pictures (default: the dataset on the student's card)`,
    )
    .option('--skip-damaged', skipHelp)
    .option('--layout <layout>', 'the layout of the input of an ONNX file: NHWC or NCHW', 'NHWC')
    .option('--batch <n>', 'the number of images that an ONNX file takes at once (default: any)')
    .option('--webgpu', 'write an ONNX file whose convs onnxruntime-web computes right on WebGPU too')
    .option('--no-int4', 'write kernels of 2 to 4 bits as 8 bits or floats into an ONNX file, not as int4')
    .option('--labels <file>', `${labelsHelp} (default: those of card.json)`)
    .option('--names <library>', 'whose names the tensors of safetensors have: moonlet or timm', 'moonlet')
    .option('--force', forceHelp)
    .option('--json', 'print one JSON document (default: lines of text)')
    .action(run);
};

async function run(name: string, flags: Flags): Promise<void> {
  const format = formatNamed(flags.format);
  const precision = precisionOf(format, flags);
  const layout = (['NHWC', 'NCHW'] as const).find((l) => l === flags.layout.toUpperCase());
  if (!layout) throw new UsageError(`no layout "${flags.layout}"; choose NHWC or NCHW`);
  const batch = batchFor(format, flags.batch);
  if (flags.webgpu && format !== 'onnx')
    throw new UsageError(
      `--webgpu is for onnx, not for ${format}${format === 'transformers' ? ', whose files always are for WebGPU too' : ''}`,
    );
  if (!flags.int4 && format !== 'onnx') throw new UsageError(`--no-int4 is for onnx, not for ${format}`);
  const kind = kindOf(format, precision, flags.names);
  if (flags.quantize !== undefined && precision !== 'int8')
    throw new UsageError('--quantize says how --int8 rounds; add --int8, or remove it');
  findStudent(name);
  if (flags.data !== undefined) checkDataset(flags.data);
  const { exportStudent } = await import('./export-run.ts');
  await exportStudent(name, {
    ...{ format, kind, precision, layout, out: flags.out },
    ...(batch === undefined ? {} : { batch }),
    webgpu: flags.webgpu ?? false,
    int4: flags.int4,
    ...(flags.data === undefined ? {} : { data: flags.data }),
    ...(flags.labels === undefined ? {} : { labels: flags.labels }),
    ...(flags.quantize === undefined ? {} : { quantize: flags.quantize }),
    pictures: picturesBy(flags),
    force: flags.force ?? false,
    json: flags.json ?? false,
  });
}

function formatNamed(text: string): ExportFormat {
  const found = exportFormats.find((f) => f === text);
  if (found) return found;
  throw new UsageError(
    `no format "${text}".${suggestion(text, exportFormats)} There are ${exportFormats.join(', ')}`,
  );
}

function batchFor(format: ExportFormat, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (format !== 'onnx') throw new UsageError(`--batch is for onnx, not for ${format}`);
  return wholeFlag('batch', text, { min: 1 });
}

function kindOf(format: ExportFormat, precision: Precision, names: string): ExportKind {
  const known = ['moonlet', 'timm'].find((n) => n === names);
  if (!known) throw new UsageError(`no names "${names}"; choose moonlet or timm`);
  if (known === 'moonlet') return format;
  if (format !== 'safetensors') throw new UsageError(`--names is for safetensors, not for ${format}`);
  if (precision !== 'float')
    throw new UsageError('timm has no nets of integers; leave --int8 out, or --names timm');
  return 'timm';
}

function precisionOf(format: ExportFormat, { int8, half }: Flags): Precision {
  if (int8 && half) throw new UsageError('--int8 and --half exclude each other; choose one');
  const wanted: Precision = int8 ? 'int8' : half ? 'half' : 'float';
  const able: Readonly<Record<ExportFormat, readonly Precision[]>> = {
    onnx: ['float', 'half', 'int8'],
    safetensors: ['float', 'int8'],
    tfjs: ['float'],
    source: ['float'],
    transformers: ['float', 'int8'],
  };
  if (able[format].includes(wanted)) return wanted;
  const formats = exportFormats.filter((f) => able[f].includes(wanted));
  throw new UsageError(
    `${format} cannot store ${wanted === 'int8' ? 'integers' : 'half precision'}; --${wanted} is for ${listed(formats)}`,
  );
}

/** 'a', 'a and b', 'a, b and c' */
const listed = (names: readonly string[]): string =>
  [names.slice(0, -1).join(', '), names.at(-1)].filter(Boolean).join(' and ');
