/** @file A net as safetensors: ours with graph.json, or under the names of timm. */
import { UsageError } from '../errors.ts';
import { type Net, pack } from '../weights/index.ts';
import { checkedCard, type ExportCard, metadataOf } from './card.ts';
import { type TimmFiles, timmFiles } from './timm.ts';

export interface SafetensorsOptions {
  /** `moonlet` by default: our names, read with graph.json. `timm`: the state dict of timm's model. */
  readonly names?: 'moonlet' | 'timm';
  /** Goes into `__metadata__` of the file, and with timm's names into config.json. */
  readonly card?: ExportCard;
}
export interface MoonletFiles {
  readonly graphJson: string;
  readonly weights: Uint8Array;
}

/**
 * The two files of a net, as `saveNet` of `moonlet/zoo` writes them: the graph as JSON and the weights as safetensors. `unpack` of
 * `moonlet` joins them. With the option `names: 'timm'`, the state dict of timm's model instead, which its
 * `load_state_dict(strict=True)` takes: names and layouts as in PyTorch, counters of batches included. `importWeights` of
 * `moonlet/import` reads it back to the same bits.
 *
 * @throws MoonletError when timm has no such net, as after widening or pruning; the first layer that differs is named.
 * @throws UsageError for other names.
 * @example
 * import { graph, init, input, unpack } from 'moonlet';
 * import { toSafetensors } from 'moonlet/export';
 *
 * const { graphJson, weights } = toSafetensors(init(graph('line', input(3).dense(2)), { seed: 1 }));
 * console.log(unpack({ graphJson, weights }).graph.name); // line
 *
 * @example
 * import { init } from 'moonlet';
 * import { lcnet } from 'moonlet/architectures';
 * import { toSafetensors } from 'moonlet/export';
 *
 * const files = toSafetensors(init(lcnet({ width: 0.5 }), { seed: 1 }), { names: 'timm' });
 * console.log(files.model); // lcnet_050
 */
export function toSafetensors(
  net: Net,
  o?: SafetensorsOptions & { readonly names?: 'moonlet' },
): MoonletFiles;
export function toSafetensors(net: Net, o: SafetensorsOptions & { readonly names: 'timm' }): TimmFiles;
export function toSafetensors(
  net: Net,
  { names = 'moonlet', card }: SafetensorsOptions = {},
): MoonletFiles | TimmFiles {
  if (names !== 'moonlet' && names !== 'timm')
    throw new UsageError(`toSafetensors: names must be "moonlet" or "timm", got ${JSON.stringify(names)}`);
  const checked = card && checkedCard(net.graph, card);
  if (names === 'timm') return timmFiles(net, checked ?? {});
  return pack(net, checked ? metadataOf(checked) : {});
}
