/** @file `moonlet import`: weights that another library trained, as a net of the zoo, with a report of every tensor. */

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Command } from 'commander';
import { compose, filesOf } from '../../zoo/index.ts';
import { MoonletError, quote, suggestion, UsageError } from '../errors.ts';
import { readText, settle, withOut } from '../files/index.ts';
import type { Graph } from '../graph/index.ts';
import { inputShape } from '../graph/index.ts';
import {
  type Acceptable,
  acceptable,
  type Imported,
  type ImportReport,
  importWeights,
  type Preprocessing,
  preprocessingOf,
  readTimmConfig,
  readWeightFile,
  sources,
  type TimmConfig,
  usualPreprocessing,
} from '../import/index.ts';
import { columns, cost } from '../read/index.ts';
import { bytesOf, type Net, pack } from '../weights/index.ts';
import { forceHelp } from './numbers.ts';
import { count, print, printJson } from './say.ts';

interface Flags {
  readonly as: string;
  readonly out: string;
  readonly source?: string;
  readonly net?: string;
  readonly accept?: readonly Acceptable[];
  readonly maxBytes?: number;
  readonly dropBackground?: boolean;
  readonly freshHead?: boolean;
  readonly force?: boolean;
  readonly json?: boolean;
}
/** The files of an import. */
const writes = ['graph.json', 'weights.safetensors', 'card.json'] as const;
/** A file longer than this is no net of the zoo, whose largest has 100 MB. */
const longest = 2 ** 31;

export const importCommand = (program: Command): void => {
  program
    .command('import')
    .description('import weights of timm, torchvision, Keras or tf.layers')
    .argument(
      '<file>',
      '.safetensors, .pth, .h5, .weights.h5, .keras, or model.json with its shards beside it',
    )
    .requiredOption('--as <arch>', "name and options in quotes, such as 'mobilenet-v2 width=0.5 classes=10'")
    .requiredOption('--out <folder>', 'where graph.json, weights.safetensors and card.json go')
    .option('--source <library>', `${sources.join(', ')}; the one whose names fit best unless told`)
    .option('--drop-background', 'leave out the classifier\'s first output, TensorFlow\'s class "background"')
    .option('--net <name>', 'which net of a checkpoint that holds several, such as model_ema')
    .option(
      '--accept <kinds>',
      `take what is refused otherwise: ${acceptable.join(', ')}; several with commas between`,
      acceptedKinds,
    )
    .option('--max-bytes <n>', 'the most memory that the weights may take; 1 GiB by default', byteCount)
    .option('--fresh-head', 'draw a new classifier at random for a file that has none')
    .option('--force', forceHelp)
    .option('--json', 'print the report as one JSON document')
    .action(run);
};

async function run(path: string, flags: Flags): Promise<void> {
  let graph = compose(flags.as); // first of all, since it refuses a wrong --as
  settle(dirname(path));
  const inputs = [path, join(dirname(path), 'config.json')];
  const bytes = readFile(path);
  const accept = flags.accept ?? [];
  const shard = (name: string): Uint8Array => {
    inputs.push(join(dirname(path), name));
    return readFile(join(dirname(path), name));
  };
  const file = readWeightFile(bytes, path, shard, {
    accept,
    ...(flags.maxBytes === undefined ? {} : { maxBytes: flags.maxBytes }),
  });
  const config = file.format === 'keras' || file.format === 'tf-layers' ? undefined : configBeside(path);
  const taken: string[] = [];
  /** An option that --as does not say and the file does. */
  const take = (option: 'size' | 'classes', value: number | undefined): boolean => {
    const usual = option === 'size' ? inputShape(graph)[0] : undefined;
    if (value === undefined || value === usual || new RegExp(`\\s${option}=`).test(flags.as)) return false;
    taken.push(`${option}=${value}`);
    graph = compose([flags.as, ...taken].join(' '));
    return true;
  };
  take('size', file.told.size ?? config?.fields?.input_size?.[1]);
  const options = {
    ...(flags.source === undefined ? {} : { source: flags.source }),
    ...(flags.net === undefined ? {} : { net: flags.net }),
    ...(config?.architecture === undefined ? {} : { model: config.architecture }),
    dropBackground: flags.dropBackground ?? false,
    freshHead: flags.freshHead ?? false,
    accept,
  };
  let done = importWeights(graph, file, path, options);
  if (!done.net && take('classes', done.classes)) done = importWeights(graph, file, path, options);
  const { report, net } = done;
  const usual = usualPreprocessing(graph, report.source, inputShape(graph)[0], path);
  const timm = report.source.startsWith('timm') ? config?.fields : undefined;
  const { preprocessing, notes } = preprocessingOf(graph, usual, file.told, timm);
  const complete = { taken, ...report, notes };
  if (net)
    await withOut(flags.out, { force: flags.force ?? false, writes, inputs }, (out) => {
      const origin = { path, bytes, format: file.format, report: complete, graph, preprocessing };
      out.publish(filesOf(net, cardOf(net, origin)));
    });
  if (flags.json) printJson({ file: path, format: file.format, complete: net !== undefined, ...complete });
  else print(`${table(complete)}${net ? `\nsaved in ${flags.out}` : ''}`);
  if (!net) throw new MoonletError(`${path}: ${wrong(done)}; nothing is saved`);
}

function acceptedKinds(text: string): readonly Acceptable[] {
  return text.split(',').map((word) => {
    const kind = acceptable.find((k) => k === word.trim());
    if (kind) return kind;
    throw new UsageError(
      `--accept: ${acceptable.join(', ')} can be accepted, not ${quote(word)}.${suggestion(word, acceptable)}`,
    );
  });
}
function byteCount(text: string): number {
  const bytes = Number(text);
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new UsageError(`--max-bytes takes a whole number of bytes from 1 up, got ${quote(text)}`);
}

/** What is read in full, once. @throws MoonletError when it is no file, cannot be read, or is too long. */
function readFile(path: string): Uint8Array {
  try {
    const stat = statSync(path);
    if (!stat.isFile()) throw new UsageError(`${path}: not a file`);
    if (stat.size > longest)
      throw new MoonletError(`${path}: ${stat.size} bytes; at most ${longest} are read`);
    return readFileSync(path);
  } catch (e) {
    if (e instanceof MoonletError) throw e;
    throw new MoonletError(`${path}: cannot be read (${(e as NodeJS.ErrnoException).code ?? String(e)})`);
  }
}

/** What timm keeps beside a model: config.json. */
function configBeside(path: string): TimmConfig | undefined {
  const config = join(dirname(path), 'config.json');
  return existsSync(config) && config !== path ? readTimmConfig(readText(config), config) : undefined;
}

const kinds = ['matched', 'transposed', 'skipped', 'missing', 'unexpected', 'misshapen'] as const;

/** The report, and the options that the file said and --as did not. */
interface Complete extends ImportReport {
  readonly taken: readonly string[];
  /** What the card does not say, and why. */
  readonly notes: readonly string[];
}

/** A count a line, with the first names of those that a person may want to look at. */
function table(report: Complete): string {
  const rows = kinds.map((kind) => [kind, count(report[kind].length), told(report, kind)]);
  const differences = report.differences.map((d) => `  ${d}`);
  return [
    ...(report.net === undefined ? [] : [`the net ${quote(report.net)} of the file${alternatives(report)}`]),
    `names as ${report.source} writes them${report.prefix ? `, after ${quote(report.prefix)}` : ''}`,
    ...(report.taken.length ? [`as the file says: ${report.taken.join(' ')}`] : []),
    columns(rows, [1]),
    ...(differences.length
      ? [`${report.source} computes otherwise than our architecture; the net follows it:`]
      : []),
    ...differences,
    ...(report.unsound.length ? ['values that no weight has:', ...shortened(report.unsound)] : []),
    ...report.notes,
  ].join('\n');
}
const alternatives = ({ otherNets }: ImportReport): string =>
  otherNets.length ? `; it also holds ${otherNets.slice(0, 5).map(quote).join(', ')} (--net)` : '';
const shortened = (lines: readonly string[]): readonly string[] => [
  ...lines.slice(0, 5).map((line) => `  ${line}`),
  ...(lines.length > 5 ? [`  and ${count(lines.length - 5)} more`] : []),
];
function told(report: ImportReport, kind: (typeof kinds)[number]): string {
  const names = report[kind];
  if (kind === 'matched' || kind === 'transposed' || !names.length) return '';
  return `${names.slice(0, 3).map(quote).join(', ')}${names.length > 3 ? ', ...' : ''}`;
}

function wrong({ report, hint }: Imported): string {
  const { missing, unexpected, misshapen, unsound } = report;
  const parts = [
    misshapen.length ? `${count(misshapen.length)} tensors have another shape (${misshapen[0]})` : '',
    missing.length ? `${count(missing.length)} are missing (${quote(missing[0] ?? '')})` : '',
    unexpected.length ? `${count(unexpected.length)} are not expected (${quote(unexpected[0] ?? '')})` : '',
    unsound.length ? `${count(unsound.length)} hold what no weight does (${unsound[0]})` : '',
  ].filter((part) => part);
  return `${parts.join(', ')}${hint ? `: ${hint}` : ''}`;
}

interface Origin {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly format: string;
  readonly report: Complete;
  /** As composed, before it was adapted. */
  readonly graph: Graph;
  readonly preprocessing: Preprocessing | undefined;
}

/** A net's card: where it is from, what an input must be, what it costs. */
function cardOf(net: Net, { path, bytes, format, report, graph, preprocessing }: Origin): object {
  const { graphJson, weights } = pack(net);
  const { params, macs } = cost(net.graph);
  return {
    name: net.graph.name,
    architecture: graph.name,
    imported: {
      file: basename(path),
      format,
      source: report.source,
      ...(report.net === undefined ? {} : { net: report.net }),
      bytes: bytes.length,
      sha256: sha256(bytes),
    },
    differences: report.differences,
    preprocessing: preprocessing ?? null,
    ...(report.notes.length ? { notes: report.notes } : {}),
    params,
    macs,
    bytes: bytesOf(net),
    sha256: { 'graph.json': sha256(graphJson), 'weights.safetensors': sha256(weights) },
    license: 'that of the imported file',
  };
}

const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');
