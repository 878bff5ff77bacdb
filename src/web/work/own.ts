/** @file A net that somebody brings, in the worker: it classifies pictures, is quantized, and is written in other formats. */
import { zipSync } from 'fflate';
import { type Card, fetchNet } from '../../../zoo/web.ts';
import { quantizeByData } from '../../compress/post-training.ts';
import { fromBrowser, normalized, type Preparation, prepared } from '../../data/images/index.ts';
import { latency } from '../../engine/index.ts';
import { type ExportCard, readExportCard } from '../../export/card.ts';
import { toOnnx } from '../../export/onnx.ts';
import { toSafetensors } from '../../export/safetensors.ts';
import { toTfjs } from '../../export/tfjs.ts';
import { imagenetLabels } from '../../import/imagenet-labels.ts';
import { fromOnnx } from '../../import/onnx/index.ts';
import { bytesOf, foldNorms, type Graph, graphs, type Net, quantize, toSource, unpack } from '../../index.ts';
import { decodeModel } from '../../onnx/index.ts';
import { nets } from './places.ts';
import { type Running, running } from './running.ts';

export type Brought =
  | { readonly kind: 'onnx'; readonly name: string; readonly bytes: Uint8Array }
  | {
      readonly kind: 'student';
      readonly name: string;
      readonly graphJson: string;
      readonly weights: Uint8Array;
    }
  | { readonly kind: 'shipped'; readonly id: string };
export type Form = 'float' | 'int8';
export interface OwnNet {
  readonly graph: Graph;
  readonly bytes: number;
  readonly producer?: string;
  readonly card?: Card;
  /** Of the card, of the metadata of an ONNX file, or of ImageNet for 1,000 classes. */
  readonly labels?: readonly string[];
  readonly preprocessing?: NonNullable<ExportCard['preprocessing']>;
}
export interface Guess {
  readonly index: number;
  readonly probability: number;
}
export interface Written {
  readonly name: string;
  readonly bytes: Uint8Array;
}

interface Kept {
  readonly net: Net;
  /** What exports carry of the card. */
  readonly card?: ExportCard | undefined;
  runs?: Promise<Running>;
}
const kept = new Map<Form, Kept>();
/** Inputs of the pictures that were classified last, which calibrate. */
let examples: readonly Float32Array[] = [];

function keep(form: Form, net: Net, card?: ExportCard): void {
  void kept.get(form)?.runs?.then((r) => r.release());
  kept.set(form, { net, card });
}
function keptNet(form: Form): Kept {
  const found = kept.get(form);
  if (!found) throw new Error(form === 'int8' ? 'the net is not quantized yet' : 'no net is open');
  return found;
}
const runningOf = (form: Form): Promise<Running> => {
  const found = keptNet(form);
  found.runs ??= running(found.net);
  return found.runs;
};

/**
 * @param text the card.json beside the net.
 * @throws MoonletError for damaged files, and for ops of ONNX that have no counterpart.
 */
export async function openOwn(brought: Brought, text?: string): Promise<OwnNet> {
  const opened = await netOf(brought);
  const { net, exported, ...more } = opened;
  const said = text ?? (more.card && JSON.stringify(more.card));
  const card = said === undefined ? exported : readExportCard(said, 'card.json');
  keep('float', net, card);
  kept.delete('int8');
  examples = [];
  const { preprocessing } = card ?? {};
  const classes = graphs.classesOf(net.graph);
  const labels = card?.labels ?? (classes === imagenetLabels.length ? imagenetLabels : undefined);
  return {
    ...{ graph: net.graph, bytes: bytesOf(net), ...more },
    ...(labels?.length === classes ? { labels } : {}),
    ...(preprocessing ? { preprocessing } : {}),
  };
}

/** What an ONNX file of ours says in its metadata; nothing where a file of others says something else under the same names. */
function cardIn(file: Uint8Array): ExportCard | undefined {
  const { labels, preprocessing } = decodeModel(file).metadata ?? {};
  const said = { labels, preprocessing };
  try {
    const values = Object.entries(said).flatMap(([key, text]) =>
      text === undefined ? [] : [[key, JSON.parse(text) as unknown]],
    );
    return values.length ? readExportCard(JSON.stringify(Object.fromEntries(values)), 'metadata') : undefined;
  } catch {
    return undefined;
  }
}

interface Read {
  readonly net: Net;
  readonly producer?: string;
  readonly card?: Card;
  readonly exported?: ExportCard;
}
async function netOf(brought: Brought): Promise<Read> {
  if (brought.kind === 'shipped') return fetchNet(brought.id, { from: nets });
  if (brought.kind === 'student')
    return { net: unpack({ graphJson: brought.graphJson, weights: brought.weights }, brought.name) };
  const { report, ...net } = fromOnnx(brought.bytes);
  const exported = cardIn(brought.bytes);
  return { net, producer: report.producer, ...(exported ? { exported } : {}) };
}

/** The three likeliest classes of each picture. */
export async function classifyOwn(
  form: Form,
  files: readonly Blob[],
  how: Preparation,
): Promise<readonly (readonly Guess[])[]> {
  const runs = await runningOf(form);
  const classes = graphs.classesOf(runs.graph);
  const channels = how.mean.length === 1 ? 1 : 3;
  const inputs: Float32Array[] = [];
  const found: (readonly Guess[])[] = [];
  for (const file of files) {
    const x = normalized(prepared(await fromBrowser(file, channels), how), how);
    if (inputs.length < 64) inputs.push(x);
    const row = (await runs.classify(x)).subarray(0, classes);
    const order = [...row.keys()].sort((a, b) => (row[b] ?? 0) - (row[a] ?? 0));
    found.push(order.slice(0, 3).map((index) => ({ index, probability: row[index] ?? 0 })));
  }
  examples = inputs;
  return found;
}

export interface Quantized extends OwnNet {
  /** Pictures that calibrated; none when only weights became integers. */
  readonly calibratedBy: number;
}

/** Integers of 8 bits: weights and values when pictures were classified before, else weights alone. */
export async function quantizeOwn(): Promise<Quantized> {
  const { net, card } = keptNet('float');
  const integers = examples.length ? await quantizeByData(net, examples) : quantize(foldNorms(net));
  keep('int8', integers, card);
  return { graph: integers.graph, bytes: bytesOf(integers), calibratedBy: examples.length };
}

export const latencyOwn = (form: Form): Promise<number> =>
  latency(form === 'float' ? foldNorms(keptNet(form).net) : keptNet(form).net, { runs: 9, threads: 1 });

export const formats = ['onnx', 'safetensors', 'tfjs', 'source'] as const;
export type Format = (typeof formats)[number];

/** The file that a format needs; several files are one zip. */
export async function writeOwn(form: Form, format: Format): Promise<Written> {
  const { net, card } = keptNet(form);
  const more = card ? { card } : {};
  const name = `${net.graph.name.replace(/[^\w.-]+/g, '-')}${form === 'int8' ? '-int8' : ''}`;
  const text = (s: string): Uint8Array => new TextEncoder().encode(s);
  if (format === 'onnx') return { name: `${name}.onnx`, bytes: toOnnx(net, more) };
  if (format === 'source') return { name: `${name}.ts`, bytes: text(toSource(net.graph)) };
  if (format === 'safetensors') {
    const { graphJson, weights } = toSafetensors(net, more);
    return {
      name: `${name}.zip`,
      bytes: zipSync({ 'graph.json': text(graphJson), 'weights.safetensors': weights }),
    };
  }
  const { files } = await toTfjs(net, more);
  const contents = Object.entries(files).map(
    ([file, content]) => [file, typeof content === 'string' ? text(content) : content] as const,
  );
  return { name: `${name}-tfjs.zip`, bytes: zipSync(Object.fromEntries(contents)) };
}
