/**
 * @file The formats of `moonlet export`: each writes its files, reads them back, and reports how much the outputs
 * differ.
 */
import { getFloat16, setFloat16 } from '@petamoriken/float16';
import { foldBranches } from '../edit/index.ts';
import { type CompileOptions, compile, runModel, useBackend } from '../engine/index.ts';
import { MoonletError } from '../errors.ts';
import { type Graph, inputShape, toJson } from '../graph/index.ts';
import { graph as finish, input, rename } from '../index.ts';
import { encodeModel, halved } from '../onnx/index.ts';
import { random } from '../random.ts';
import { toSource } from '../read/index.ts';
import { opset, toOnnx } from '../read/onnx.ts';
import { integerLayers } from '../read/onnx-integer.ts';
import { packLayers, predictions, unpackLayers, weightsFile } from '../read/tfjs/index.ts';
import { float, materialize, type Net, pack, unpack, type Weight, type WeightKey } from '../weights/index.ts';
import type { ExportFormat, Precision } from './export.ts';

export interface ExportOptions {
  readonly precision: Precision;
  readonly layout: 'NHWC' | 'NCHW';
}
export interface Difference {
  /** The largest difference of an output on seeded normal inputs. */
  readonly maxAbsDiff: number;
  /** The largest output. */
  readonly scale: number;
  /**
   * Of a net that rounds its values: engines may round a value on its edge to either side, and later layers pass that on. The
   * share of outputs within a step of each other, and the step: the output's own, or the range of all outputs in 8 bits.
   */
  readonly steps?: { readonly size: number; readonly within: number };
}
/** What share of outputs must be within a step. In wrong files it is some tenths; in right ones of small nets 0.97 to 1. */
const leastWithin = 0.9;

/** Whether files compute what the net does. */
export const agrees = ({ maxAbsDiff, scale, steps }: Difference): boolean =>
  steps ? steps.within >= leastWithin : maxAbsDiff <= 1e-4 * scale;

/** How far files are from the net, in words. */
export const farness = ({ maxAbsDiff, scale, steps }: Difference): string =>
  steps
    ? `${(100 * steps.within).toFixed(1)} % of the outputs are within a step (${steps.size.toPrecision(2)}) of the net, the farthest ${(maxAbsDiff / steps.size).toFixed(1)} steps`
    : `the largest difference of an output is ${maxAbsDiff.toExponential(1)}, of outputs up to ${scale.toFixed(2)}`;

export interface Exported {
  readonly files: readonly { readonly file: string; readonly content: string | Uint8Array }[];
  readonly difference: Difference;
  /** What `--json` says besides. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** What a person should know. */
  readonly notes: readonly string[];
}

/** Of a net that rounds more are looked at, since single outputs may be a few steps apart. */
const batchOf = ({ nodes }: Graph): number => (nodes.some((n) => n.op.kind === 'quantize') ? 12 : 3);
const images = (graph: Graph): Float32Array => {
  const source = random('export');
  const length = batchOf(graph) * inputShape(graph).reduce((n, d) => n * d, 1);
  return Float32Array.from({ length }, source.normal);
};

function difference(
  { nodes, outputs }: Graph,
  got: readonly Float32Array[],
  wanted: readonly Float32Array[],
): Difference {
  let [maxAbsDiff, scale] = [0, 0];
  wanted.forEach((w, k) => {
    const g = got[k];
    if (g?.length !== w.length) maxAbsDiff = Number.POSITIVE_INFINITY;
    w.forEach((v, i) => {
      const far = Math.abs(v - (g?.[i] ?? Number.NaN));
      maxAbsDiff = far <= maxAbsDiff ? maxAbsDiff : far; // a NaN is kept
      scale = Math.max(scale, Math.abs(v));
    });
  });
  if (!nodes.some((n) => n.op.kind === 'quantize')) return { maxAbsDiff, scale };
  let [near, count, size] = [0, 0, 0];
  wanted.forEach((w, k) => {
    const op = nodes.find((n) => n.id === outputs[k])?.op;
    const range = w.reduce((a, b) => Math.max(a, b), 0) - w.reduce((a, b) => Math.min(a, b), 0);
    const step = op?.kind === 'quantize' ? op.scale : range / 255;
    size = Math.max(size, step);
    count += w.length;
    near += w.filter((v, i) => Math.abs(v - (got[k]?.[i] ?? Number.NaN)) <= 1.001 * step).length;
  });
  return { maxAbsDiff, scale, steps: { size, within: near / count } };
}

/** What a net's outputs are, one flat array each. Without onnxruntime it runs on wasm, which is always there. */
async function outputsOf(
  net: Net,
  x: Float32Array,
  o: CompileOptions = { engine: 'wasm' },
): Promise<Float32Array[]> {
  const compiled = await compile(net, o);
  const values = await compiled.run(x);
  await compiled.release();
  return net.graph.outputs.map((id) => {
    const value = values.get(id);
    if (!value) throw new Error(`internal: no value of the output ${id}`);
    return value;
  });
}

/** ONNX for deployment: norms and parallel branches folded, any batch. */
async function onnx(net: Net, { precision, layout }: ExportOptions): Promise<Exported> {
  const folded = precision === 'int8' ? net : foldBranches(net);
  const model = toOnnx(folded, { layout });
  const content = encodeModel(precision === 'half' ? halved(model) : model);
  const x = images(net.graph);
  const got = await runModel(content, x, batchOf(net.graph));
  const reference = await outputsOf(precision === 'half' ? roundedToHalf(folded) : net, x, {
    engine: 'wasm',
    layout,
  });
  const { signed, unsigned } = integerLayers(model);
  const { maxAbsDiff, scale } =
    precision === 'half'
      ? difference(net.graph, got, await outputsOf(net, x, { engine: 'wasm', layout }))
      : difference(net.graph, [], []);
  return {
    files: [{ file: 'model.onnx', content }],
    difference: difference(net.graph, got, reference),
    facts: {
      opset,
      layout,
      precision,
      ...(signed + unsigned ? { integers: { signed, unsigned } } : {}),
      ...(precision === 'half' ? { roundingDiff: maxAbsDiff } : {}),
    },
    notes: [
      `opset ${opset}, input ${layout}, any batch`,
      ...(signed + unsigned
        ? [`integer layers: ${signed} of u8 x s8, ${unsigned} of u8 x u8; exact with and without VNNI`]
        : []),
      ...(precision === 'half'
        ? [
            `half precision changes an output by at most ${maxAbsDiff.toExponential(1)}, of outputs up to ${scale.toFixed(2)}`,
          ]
        : []),
    ],
  };
}

/** Kernels as half precision holds them; codes stay, and a bias of few values. */
function roundedToHalf({ graph, weights }: Net): Net {
  const view = new DataView(new ArrayBuffer(2));
  const rounded = new Map<WeightKey, Weight>();
  for (const [key, weight] of weights) {
    if (weight.encoding === 'quantized') {
      rounded.set(key, weight);
      continue;
    }
    const data = materialize(weight).map((v, _, all) => {
      if (all.length < 64) return v;
      setFloat16(view, 0, v);
      return getFloat16(view, 0);
    });
    rounded.set(key, float(weight.shape, data));
  }
  return { graph, weights: rounded };
}

async function tfjs(net: Net): Promise<Exported> {
  await useBackend('wasm');
  const { modelJson, weights, ours } = await packLayers(net);
  const model = await unpackLayers(modelJson, weights);
  const x = images(net.graph);
  const got = predictions(model, x, batchOf(net.graph));
  model.dispose();
  const kinds = [...new Set(ours.map((l) => l.op))];
  return {
    files: [
      { file: 'model.json', content: modelJson },
      { file: weightsFile, content: weights },
    ],
    difference: difference(net.graph, got, await outputsOf(net, x)),
    facts: { ours },
    notes: [
      ours.length
        ? `${ours.length} layers are Moonlet's own (${kinds.join(', ')}), because tf.layers lacks them: import 'moonlet/tfjs' before loading`
        : 'plain tf.layers can load it',
    ],
  };
}

async function safetensors(net: Net): Promise<Exported> {
  const { graphJson, weights } = pack(net);
  const back = unpack({ graphJson, weights });
  const x = images(net.graph);
  return {
    files: [
      { file: 'weights.safetensors', content: weights },
      { file: 'graph.json', content: graphJson },
    ],
    difference: difference(net.graph, await outputsOf(back, x), await outputsOf(net, x)),
    facts: {},
    notes: [],
  };
}

async function source(net: Net): Promise<Exported> {
  const code = toSource(net.graph);
  if (toJson(madeBy(code)) !== toJson(net.graph))
    throw new MoonletError(
      `${net.graph.name}: the generated code builds a different graph; nothing is saved`,
    );
  const stored = pack(net);
  const x = images(net.graph);
  const back = unpack({ graphJson: toJson(madeBy(code)), weights: stored.weights });
  return {
    files: [
      { file: 'net.ts', content: code },
      { file: 'weights.safetensors', content: stored.weights },
    ],
    difference: difference(net.graph, await outputsOf(back, x), await outputsOf(net, x)),
    facts: {},
    notes: ["unpack({ graphJson: toJson(net()), weights }) of 'moonlet' combines the two"],
  };
}

/** Runs the code that we have just written: without its types and its import, which is what of it is not JavaScript. */
function madeBy(code: string): Graph {
  const script = code
    .replace(/^import .*$/m, '')
    .replace('export const net = (): Graph =>', 'return (() =>')
    .replace(/\};\n$/, '})();\n');
  const made: Graph = new Function('graph', 'input', 'rename', script)(finish, input, rename);
  return made;
}

/** The files of each format. */
export const exportedFiles: Readonly<Record<ExportFormat, readonly string[]>> = {
  tfjs: ['model.json', weightsFile],
  onnx: ['model.onnx'],
  safetensors: ['weights.safetensors', 'graph.json'],
  source: ['net.ts', 'weights.safetensors'],
};

export const exporters: Readonly<Record<ExportFormat, (net: Net, o: ExportOptions) => Promise<Exported>>> = {
  tfjs,
  onnx,
  safetensors,
  source,
};
