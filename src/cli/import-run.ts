/**
 * @file The implementation of `moonlet import`: converts a weight file to a net of the zoo and reports every tensor.
 */

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { compose } from '../../zoo/architectures/index.ts';
import { filesOf } from '../../zoo/net-files.ts';
import { MoonletError } from '../errors.ts';
import { readText, withOut } from '../files/index.ts';
import type { Graph } from '../graph/index.ts';
import { classesOf, inputShape } from '../graph/index.ts';
import { type Imported, importWeights } from '../import/import.ts';
import { readWeightFile } from '../import/open.ts';
import {
  type Preprocessing,
  preprocessingOf,
  type Settled,
  usualPreprocessing,
} from '../import/preprocessing.ts';
import { readTimmConfig, type TimmConfig } from '../import/timm-config.ts';
import { wrong } from '../import/wrong.ts';
import { cost } from '../read/cost.ts';
import { bytesOf, type Net, pack } from '../weights/index.ts';
import type { Flags } from './import.ts';
import { readFile } from './import-file.ts';
import { type Complete, reportTable } from './import-report.ts';
import { labelsFrom } from './labels.ts';
import { preprocessingFrom } from './preprocessing-flag.ts';
import { print, printJson } from './say.ts';

/** The files of an import. */
const writes = ['graph.json', 'weights.safetensors', 'card.json'] as const;

/**
 * Imports the bytes of a file as a net of `composed`, the architecture of --as.
 * @throws MoonletError when a tensor is missing, unexpected or of another shape; nothing is saved then.
 */
export async function importFile(
  path: string,
  bytes: Uint8Array,
  composed: Graph,
  flags: Flags,
): Promise<void> {
  const inputs = [path, join(dirname(path), 'config.json')];
  const shard = (name: string): Uint8Array => {
    inputs.push(join(dirname(path), name));
    return readFile(join(dirname(path), name));
  };
  const file = readWeightFile(bytes, path, shard, {
    accept: flags.accept ?? [],
    ...(flags.maxBytes === undefined ? {} : { maxBytes: flags.maxBytes }),
  });
  const config = file.format === 'keras' || file.format === 'tf-layers' ? undefined : configBeside(path);
  const { done, graph, taken } = imported(path, file, config, composed, flags);
  const { report, net } = done;
  const usual = usualPreprocessing(graph, report.source, inputShape(graph)[0], path);
  const timm = report.source.startsWith('timm') ? config?.fields : undefined;
  const { preprocessing, notes } = settled(preprocessingOf(graph, usual, file.told, timm), graph, flags);
  const complete = { taken, ...report, notes };
  const labels =
    net && flags.labels !== undefined ? await labelsFrom(flags.labels, classesOf(net.graph)) : undefined;
  if (net)
    await withOut(flags.out, { force: flags.force ?? false, writes, inputs }, (out) => {
      const origin = { path, bytes, format: file.format, report: complete, graph, preprocessing, labels };
      out.publish(filesOf(net, cardOf(net, origin)));
    });
  if (flags.json) printJson({ file: path, format: file.format, complete: net !== undefined, ...complete });
  else print(`${reportTable(complete)}${net ? `\nsaved in ${flags.out}` : ''}`);
  if (!net) throw new MoonletError(`${path}: ${wrong(done)}; nothing is saved`);
}

/** What the file and its library say of pictures, with what --preprocessing says over it. */
function settled(found: Settled, graph: Graph, { preprocessing: given }: Flags): Settled {
  if (given === undefined) return found;
  return { preprocessing: preprocessingFrom(given, found.preprocessing, graph), notes: [] };
}

/** The net, of an architecture with the input size and the classes that the file says where --as does not. */
function imported(
  path: string,
  file: ReturnType<typeof readWeightFile>,
  config: TimmConfig | undefined,
  composed: Graph,
  flags: Flags,
): { readonly done: Imported; readonly graph: Graph; readonly taken: readonly string[] } {
  const taken: string[] = [];
  let graph = composed;
  const sides = (height?: number, width = height): number | string | undefined =>
    height === width ? height : `${height}x${width}`;
  const take = (option: 'size' | 'classes', value: number | string | undefined): boolean => {
    const usual = option === 'size' ? sides(...inputShape(graph).slice(0, 2)) : undefined;
    if (value === undefined || value === usual || new RegExp(`\\s${option}=`).test(flags.as)) return false;
    taken.push(`${option}=${value}`);
    graph = compose([flags.as, ...taken].join(' '));
    return true;
  };
  take('size', file.told.size ?? sides(...(config?.fields?.input_size?.slice(1) ?? [])));
  // a model of a library by its own name says whose names the file has; timm has some models twice
  const [, library, named] = /^\s*(timm|torchvision|keras)\/(\S+)/.exec(flags.as) ?? [];
  const ported = library === 'timm' && named?.startsWith('tf_') ? 'timm-tf' : library;
  const source = flags.source ?? ported;
  const options = {
    ...(source === undefined ? {} : { source }),
    ...(flags.net === undefined ? {} : { net: flags.net }),
    ...(config?.architecture === undefined ? {} : { model: config.architecture }),
    dropBackground: flags.dropBackground ?? false,
    freshHead: flags.freshHead ?? false,
    accept: flags.accept ?? [],
  };
  let done = importWeights(graph, file, path, options);
  if (!done.net && take('classes', done.classes)) done = importWeights(graph, file, path, options);
  return { done, graph, taken };
}

/** What timm keeps beside a model: config.json. */
function configBeside(path: string): TimmConfig | undefined {
  const config = join(dirname(path), 'config.json');
  return existsSync(config) && config !== path ? readTimmConfig(readText(config), config) : undefined;
}

interface Origin {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly format: string;
  readonly report: Complete;
  /** As composed, before it was adapted. */
  readonly graph: Graph;
  readonly preprocessing: Preprocessing | undefined;
  /** The names of the classes. */
  readonly labels: readonly string[] | undefined;
}

/** A net's card: where it is from, what an input must be, what it costs. */
function cardOf(net: Net, { path, bytes, format, report, graph, preprocessing, labels }: Origin): object {
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
    ...(labels ? { labels } : {}),
    ...(report.notes.length ? { notes: report.notes } : {}),
    params,
    macs,
    bytes: bytesOf(net),
    sha256: { 'graph.json': sha256(graphJson), 'weights.safetensors': sha256(weights) },
    license: 'that of the imported file',
  };
}

const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');
