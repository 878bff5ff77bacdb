/** @file `moonlet export --format transformers`: the folder of transformers.js, its models run and compared. */
import { runModel } from '../engine/index.ts';
import { toTransformers } from '../export/index.ts';
import { dropUnused, inputShape, isMap } from '../graph/index.ts';
import { logitsAt } from '../read/class-logits.ts';
import type { Net } from '../weights/index.ts';
import {
  batchOf,
  difference,
  type Exported,
  type ExportOptions,
  images,
  outputsOf,
} from './export-compare.ts';

export async function transformers(net: Net, { card, integers }: ExportOptions): Promise<Exported> {
  const { files, notes } = toTransformers(net, { card, ...(integers ? { quantized: integers } : {}) });
  const compared = async (file: string, of: Net) => {
    const content = files[file];
    if (!(content instanceof Uint8Array)) throw new Error(`internal: no ${file}`);
    const x = images(of.graph);
    const got = await runModel(content, pixels(of, x), batchOf(of.graph));
    const wanted = await outputsOf(
      { ...of, graph: dropUnused({ ...of.graph, outputs: [logitsAt(of.graph)] }) },
      x,
    );
    return difference(of.graph, got, wanted);
  };
  const float = await compared('onnx/model.onnx', net);
  const rounded = integers && (await compared('onnx/model_quantized.onnx', integers));
  return {
    files: Object.entries(files).map(([file, content]) => ({ file, content })),
    difference: float,
    ...(rounded ? { others: [{ file: 'onnx/model_quantized.onnx', difference: rounded }] } : {}),
    facts: { input: 'pixel_values', output: 'logits', layout: 'NCHW' },
    notes: [
      `pipeline('image-classification', FOLDER) of @huggingface/transformers runs it${integers ? "; dtype: 'q8' takes the integers" : ''}`,
      ...(card.labels
        ? []
        : ['no labels on the card: classes are called by their numbers; --labels names them']),
      ...notes,
    ],
  };
}

/** Images channels first; grey ones three times, which their weighted mean makes grey again. */
function pixels({ graph }: Net, x: Float32Array): Float32Array {
  const shape = inputShape(graph);
  if (!isMap(shape)) throw new Error('internal: no image');
  const [h, w, c] = shape;
  const [area, batch] = [h * w, x.length / (h * w * c)];
  const out = new Float32Array(batch * 3 * area);
  for (let n = 0; n < batch; n++)
    for (let channel = 0; channel < 3; channel++)
      for (let i = 0; i < area; i++)
        out[(n * 3 + channel) * area + i] = x[(n * area + i) * c + (c === 3 ? channel : 0)]!;
  return out;
}
