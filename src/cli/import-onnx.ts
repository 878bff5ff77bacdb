/** @file `moonlet import model.onnx`: a net of any library, without an architecture of ours. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { filesOf, readOnnxFile } from '../../zoo/index.ts';
import { UsageError } from '../errors.ts';
import { tensorNames } from '../export/index.ts';
import { withOut } from '../files/index.ts';
import { classesOf, type Shape, shapes } from '../graph/index.ts';
import type { OnnxNet, Preprocessing } from '../import/index.ts';
import { cost } from '../read/cost.ts';
import { bytesOf } from '../weights/index.ts';
import type { OnnxFlags } from './import.ts';
import { labelsFrom } from './labels.ts';
import { wholeFlag } from './numbers.ts';
import { preprocessingFrom } from './preprocessing-flag.ts';
import { count, print, printJson } from './say.ts';
import { tableOf } from './tables.ts';

const writes = ['graph.json', 'weights.safetensors', 'card.json'] as const;

/** Imports an .onnx file. @throws MoonletError that names the first op without a counterpart; nothing is saved then. */
export async function importOnnx(path: string, flags: OnnxFlags): Promise<void> {
  const net = readOnnxFile(path, {
    ...(flags.until === undefined ? {} : { until: flags.until }),
    ...(flags.stages === undefined ? {} : { stages: flags.stages }),
    ...(flags.size === undefined ? {} : { size: sizeOf(flags.size) }),
  });
  const labels =
    flags.labels === undefined ? undefined : await labelsFrom(flags.labels, classesOf(net.graph));
  const preprocessing =
    flags.preprocessing === undefined
      ? undefined
      : preprocessingFrom(flags.preprocessing, undefined, net.graph);
  await withOut(flags.out, { force: flags.force ?? false, writes, inputs: [path] }, async (out) => {
    out.publish(filesOf(net, cardOf(path, net, { labels, preprocessing })));
  });
  const known = shapes(net.graph);
  const { params, macs } = cost(net.graph);
  const ends = (list: OnnxNet['report']['inputs']) =>
    list.map(({ name, node }) => ({ name, node, shape: known.get(node) ?? [] }));
  const { producer, opset, inputs, outputs, tensors } = net.report;
  const said = {
    file: path,
    format: 'onnx',
    producer,
    opset,
    inputs: ends(inputs),
    outputs: ends(outputs),
    nodes: net.graph.nodes.length,
    params,
    macs,
  };
  if (flags.json) return printJson({ ...said, tensors: Object.fromEntries(tensors) });
  print(
    `${net.graph.name}: operator set ${opset}${producer ? ` by ${producer}` : ''}\n${tableOf(
      [
        ...said.inputs.map((end) => ['input', end.node, printed(end.shape)]),
        ...said.outputs.map((end) => ['output', end.node, printed(end.shape)]),
        ['nodes', count(said.nodes), ''],
        ['parameters', count(params), ''],
        ['multiply-adds', count(macs), ''],
      ],
      [],
    )}\nsaved in ${flags.out}`,
  );
}

const printed = (shape: Shape | readonly []): string => shape.join(' x ');

/** One number for both sides, or height and width. */
function sizeOf(text: string): readonly [number, number] {
  const [h = '', w = h, ...more] = text.split(/[x,]/);
  if (more.length)
    throw new UsageError(`--size takes a number or two, such as 224 or 224x160, got "${text}"`);
  return [wholeFlag('size', h, { min: 1, max: 4096 }), wholeFlag('size', w, { min: 1, max: 4096 })];
}

/** A net's card: where it is from, and what it costs. */
function cardOf(
  path: string,
  net: OnnxNet,
  {
    labels,
    preprocessing,
  }: { readonly labels: readonly string[] | undefined; readonly preprocessing: Preprocessing | undefined },
): object {
  const bytes = readFileSync(path);
  const { params, macs } = cost(net.graph);
  const { producer, opset } = net.report;
  return {
    name: net.graph.name,
    imported: {
      ...{ file: basename(path), format: 'onnx', producer, opset, bytes: bytes.length },
      sha256: createHash('sha256').update(bytes).digest('hex'),
    },
    ...(preprocessing ? { preprocessing } : {}),
    ...(labels ? { labels } : {}),
    tensors: tensorNames(net),
    ...{ params, macs, bytes: bytesOf(net) },
    license: 'that of the imported file',
  };
}
