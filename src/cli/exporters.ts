/**
 * @file The formats of `moonlet export`: each writes its files, reads them back, and reports how much the outputs
 * differ.
 */
import { getFloat16, setFloat16 } from '@petamoriken/float16';
import { foldBranches } from '../edit/index.ts';
import { runModel, useBackend } from '../engine/index.ts';
import { MoonletError } from '../errors.ts';
import { metadataOf, onnxCard } from '../export/card.ts';
import { type Graph, inputShape, sizeOf, toJson } from '../graph/index.ts';
import { graph as finish, input, rename } from '../index.ts';
import { encodeModel, halved, withSafeConvs } from '../onnx/index.ts';
import { toSource } from '../read/index.ts';
import { toOnnx } from '../read/onnx.ts';
import { integerLayers } from '../read/onnx-integer.ts';
import { packLayers, predictions, unpackLayers, weightsFile } from '../read/tfjs/index.ts';
import { float, materialize, type Net, pack, unpack, type Weight, type WeightKey } from '../weights/index.ts';
import type { ExportKind } from './export.ts';
import {
  batchOf,
  difference,
  type Exported,
  type ExportOptions,
  images,
  outputsOf,
} from './export-compare.ts';
import { timm } from './export-timm.ts';
import { transformers } from './export-transformers.ts';
import { magnitude } from './say.ts';

/** ONNX for deployment: norms and parallel branches folded, any batch. */
async function onnx(net: Net, o: ExportOptions): Promise<Exported> {
  const { precision, layout, card, batch, webgpu = false, int4 = true, tensors = {} } = o;
  const folded = precision === 'int8' ? net : foldBranches(net);
  const written = toOnnx(folded, { layout, tensors, int4, ...(batch ? { batch } : {}) });
  const { unsafe, ...safe } = withSafeConvs(written);
  const model = { ...(webgpu ? safe : written), ...onnxCard(card) };
  const content = encodeModel(precision === 'half' ? halved(model) : model);
  const least = batchOf(net.graph);
  const together = batch ?? least;
  const x = images(net.graph, together * Math.ceil(least / together));
  const got = await runsOf(content, x, together * sizeOf(inputShape(net.graph)), together);
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
      opset: model.opset,
      layout,
      precision,
      ...(signed + unsigned ? { integers: { signed, unsigned } } : {}),
      ...(precision === 'half' ? { roundingDiff: maxAbsDiff } : {}),
    },
    notes: [
      `opset ${model.opset}, input ${layout}, ${batch === undefined ? 'any batch' : `batches of ${batch}`}`,
      ...(signed + unsigned
        ? [`integer layers: ${signed} of u8 x s8, ${unsigned} of u8 x u8; exact with and without VNNI`]
        : []),
      ...(model.initializers.some((t) => t.dtype === 'int4')
        ? [
            'kernels of 2 to 4 bits are int4, which some runtimes read wrongly (MNN 3.6); --no-int4 writes 8 bits or floats',
          ]
        : []),
      ...(unsafe
        ? [
            `${unsafe} ${unsafe === 1 ? 'conv' : 'convs'} that onnxruntime-web 1.30 computes wrongly on WebGPU: ${webgpu ? 'written in other forms' : '--webgpu writes other forms'}`,
          ]
        : []),
      ...(precision === 'half'
        ? [
            `half precision changes an output by at most ${maxAbsDiff.toExponential(1)}, of outputs up to ${magnitude(scale)}`,
          ]
        : []),
    ],
  };
}

/** Runs a file on so many images at once; one flat array for each output. */
async function runsOf(
  content: Uint8Array,
  x: Float32Array,
  length: number,
  batch: number,
): Promise<Float32Array[]> {
  const all: Float32Array[][] = [];
  for (let i = 0; i < x.length; i += length)
    (await runModel(content, x.subarray(i, i + length), batch)).forEach((y, k) => {
      all[k] = [...(all[k] ?? []), y];
    });
  return all.map((parts) => Float32Array.from(parts.flatMap((y) => [...y])));
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

async function tfjs(net: Net, { card }: ExportOptions): Promise<Exported> {
  await useBackend('wasm');
  const { modelJson, weights, ours } = await packLayers(net, metadataOf(card));
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

async function safetensors(net: Net, { card, cardJson }: ExportOptions): Promise<Exported> {
  const { graphJson, weights } = pack(net, metadataOf(card));
  const back = unpack({ graphJson, weights });
  const x = images(net.graph);
  return {
    files: [
      { file: 'weights.safetensors', content: weights },
      { file: 'graph.json', content: graphJson },
      ...(cardJson === undefined ? [] : [{ file: 'card.json', content: cardJson }]),
    ],
    difference: difference(net.graph, await outputsOf(back, x), await outputsOf(net, x)),
    facts: {},
    notes: [],
  };
}

async function source(net: Net, { card }: ExportOptions): Promise<Exported> {
  const code = toSource(net.graph);
  if (toJson(madeBy(code)) !== toJson(net.graph))
    throw new MoonletError(
      `${net.graph.name}: the generated code builds a different graph; nothing is saved`,
    );
  const stored = pack(net, metadataOf(card));
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
export const exportedFiles: Readonly<Record<ExportKind, readonly string[]>> = {
  tfjs: ['model.json', weightsFile],
  onnx: ['model.onnx'],
  safetensors: ['weights.safetensors', 'graph.json', 'card.json'],
  timm: ['model.safetensors', 'config.json'],
  source: ['net.ts', 'weights.safetensors'],
  transformers: [
    ...['config.json', 'preprocessor_config.json'],
    ...['onnx/model.onnx', 'onnx/model_quantized.onnx'],
  ],
};

export const exporters: Readonly<Record<ExportKind, (net: Net, o: ExportOptions) => Promise<Exported>>> = {
  tfjs,
  onnx,
  safetensors,
  timm,
  source,
  transformers,
};
