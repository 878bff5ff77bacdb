/** @file The formats of `moonlet export`: each makes its files, loads them back, and says how far the outputs are. */
import { getFloat16, setFloat16 } from '@petamoriken/float16';
import { foldBranches } from '../edit/index.ts';
import { type CompileOptions, compile, runModel, useBackend } from '../engine/index.ts';
import { MoonletError } from '../errors.ts';
import { type Graph, toJson } from '../graph/index.ts';
import { graph as finish, input, rename } from '../index.ts';
import { encodeModel, halved } from '../onnx/index.ts';
import { random } from '../random.ts';
import { inputShape } from '../read/ends.ts';
import { opset, toOnnx } from '../read/onnx.ts';
import { toSource } from '../read/source.ts';
import { packLayers, predictions, unpackLayers, weightsFile } from '../read/tfjs/index.ts';
import { float, materialize, type Net, pack, unpack, type Weight, type WeightKey } from '../weights/index.ts';

export type ExportFormat = 'tfjs' | 'onnx' | 'safetensors' | 'source';
export type Precision = 'float' | 'half' | 'int8';
export interface ExportOptions {
  readonly precision: Precision;
  readonly layout: 'NHWC' | 'NCHW';
}
export interface Difference {
  /** The largest difference of an output on seeded normal inputs. */
  readonly maxAbsDiff: number;
  /** The largest output. */
  readonly scale: number;
}
export interface Exported {
  readonly files: readonly { readonly file: string; readonly content: string | Uint8Array }[];
  readonly difference: Difference;
  /** What `--json` says besides. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** What a person should know. */
  readonly notes: readonly string[];
}

const batch = 3;
const images = (graph: Graph): Float32Array => {
  const source = random('export');
  const length = batch * inputShape(graph).reduce((n, d) => n * d, 1);
  return Float32Array.from({ length }, source.normal);
};

function difference(got: readonly Float32Array[], wanted: readonly Float32Array[]): Difference {
  let [maxAbsDiff, scale] = [0, 0];
  wanted.forEach((w, k) => {
    const g = got[k] as Float32Array;
    if (g.length !== w.length) maxAbsDiff = Number.POSITIVE_INFINITY;
    w.forEach((v, i) => {
      const far = Math.abs(v - (g[i] as number));
      maxAbsDiff = far <= maxAbsDiff ? maxAbsDiff : far; // a NaN is kept
      scale = Math.max(scale, Math.abs(v));
    });
  });
  return { maxAbsDiff, scale };
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
  return net.graph.outputs.map((id) => values.get(id) as Float32Array);
}

/** ONNX for deployment: norms and parallel branches folded, any batch. */
async function onnx(net: Net, { precision, layout }: ExportOptions): Promise<Exported> {
  const folded = precision === 'int8' ? net : foldBranches(net);
  const model = toOnnx(folded, { layout });
  const content = encodeModel(precision === 'half' ? halved(model) : model);
  const x = images(net.graph);
  const got = await runModel(content, x, batch);
  const reference = await outputsOf(precision === 'half' ? roundedToHalf(folded) : net, x, { layout });
  const { maxAbsDiff, scale } =
    precision === 'half' ? difference(got, await outputsOf(net, x, { layout })) : difference([], []);
  return {
    files: [{ file: 'model.onnx', content }],
    difference: difference(got, reference),
    facts: {
      opset,
      layout,
      precision,
      ...(precision === 'half' ? { roundingDiff: maxAbsDiff } : {}),
    },
    notes: [
      `opset ${opset}, input ${layout}, any batch`,
      ...(precision === 'half'
        ? [`half precision moves an output by ${maxAbsDiff.toExponential(1)} at most, of ${scale.toFixed(2)}`]
        : []),
    ],
  };
}

/** Kernels as half precision holds them; a bias of few values stays. */
function roundedToHalf({ graph, weights }: Net): Net {
  const view = new DataView(new ArrayBuffer(2));
  const rounded = new Map<WeightKey, Weight>();
  for (const [key, weight] of weights) {
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
  const got = predictions(model, x, batch);
  model.dispose();
  const kinds = [...new Set(ours.map((l) => l.op))];
  return {
    files: [
      { file: 'model.json', content: modelJson },
      { file: weightsFile, content: weights },
    ],
    difference: difference(got, await outputsOf(net, x)),
    facts: { ours },
    notes: [
      ours.length
        ? `${ours.length} layers are ours (${kinds.join(', ')}), since tf.layers has none that do this: import 'moonlet/tfjs' before loading`
        : 'plain tf.layers load it',
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
    difference: difference(await outputsOf(back, x), await outputsOf(net, x)),
    facts: {},
    notes: [],
  };
}

async function source(net: Net): Promise<Exported> {
  const code = toSource(net.graph);
  if (toJson(madeBy(code)) !== toJson(net.graph))
    throw new MoonletError(`${net.graph.name}: the code makes another graph; nothing is saved`);
  const stored = pack(net);
  const x = images(net.graph);
  const back = unpack({ graphJson: toJson(madeBy(code)), weights: stored.weights });
  return {
    files: [
      { file: 'net.ts', content: code },
      { file: 'weights.safetensors', content: stored.weights },
    ],
    difference: difference(await outputsOf(back, x), await outputsOf(net, x)),
    facts: {},
    notes: ["unpack({ graphJson: toJson(net()), weights }) of 'moonlet' joins the two"],
  };
}

/** Runs the code that we have just written: without its types and its import, which is what of it is not JavaScript. */
function madeBy(code: string): Graph {
  const script = code
    .replace(/^import .*$/m, '')
    .replace('export const net = (): Graph =>', 'return (() =>')
    .replace(/\};\n$/, '})();\n');
  return new Function('graph', 'input', 'rename', script)(finish, input, rename) as Graph;
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
