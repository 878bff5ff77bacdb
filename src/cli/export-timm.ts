/** @file `moonlet export --format safetensors --names timm`: the files of a timm model, imported back and compared. */
import { toSafetensors } from '../export/index.ts';
import { timmNet } from '../export/timm.ts';
import { importWeights, readWeightFile } from '../import/index.ts';
import type { Net } from '../weights/index.ts';
import { difference, type Exported, type ExportOptions, images, outputsOf } from './export-compare.ts';

/** The state dict and, where timm has a model of these options, config.json. */
export async function timm(net: Net, { card }: ExportOptions): Promise<Exported> {
  const { weights, model, configJson } = toSafetensors(net, { names: 'timm', card });
  const { source, plain } = timmNet(net.graph);
  const file = readWeightFile(weights, 'model.safetensors');
  const back = importWeights(plain, file, 'model.safetensors', { source }).net;
  if (!back) throw new Error(`internal: ${net.graph.name}: the files are not read back`);
  const x = images(net.graph);
  return {
    files: [
      { file: 'model.safetensors', content: weights },
      ...(configJson === undefined ? [] : [{ file: 'config.json', content: configJson }]),
    ],
    difference: difference(net.graph, await outputsOf(back, x), await outputsOf(net, x)),
    facts: { names: 'timm', ...(model === undefined ? {} : { model }) },
    notes: [
      model === undefined
        ? `timm has no model of these options by name; its load_state_dict(strict=True) takes the file where you make one`
        : `timm.create_model('local-dir:FOLDER', pretrained=True) loads the folder as ${model}`,
    ],
  };
}
