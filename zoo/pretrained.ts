/** @file The pretrained nets of the Hugging Face hub whose architecture, input and counts are known: zoo/hub.json. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageFolder } from '../src/files/package-folder.ts';

export interface PretrainedNet {
  /** With its tag, such as 'mobilenetv3_small_050.lamb_in1k'; the repository is `timm/` and this. */
  readonly name: string;
  /** Ours, with its width: 'mobilenet-v3-small width=0.5'. */
  readonly architecture: string;
  /** Channels, height and width. */
  readonly input: readonly [number, number, number];
  readonly classes: number;
  readonly params: number;
  /** As timm says it; null where it says none. */
  readonly license: string | null;
}

/**
 * The nets that `pullFromHub` is known to take, from timm's own list.
 *
 * @example
 * import { pretrainedNets } from 'moonlet/zoo';
 *
 * const net = pretrainedNets().find(({ name }) => name === 'mobilenetv3_small_050.lamb_in1k');
 * console.log(net?.architecture, net?.params); // mobilenet-v3-small width=0.5 1593224
 */
export function pretrainedNets(): readonly PretrainedNet[] {
  const { nets }: { readonly nets: readonly PretrainedNet[] } = JSON.parse(
    readFileSync(join(packageFolder(), 'zoo', 'hub.json'), 'utf8'),
  );
  return nets;
}
