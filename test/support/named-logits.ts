/** @file The logits of models of timm and torchvision (scripts/reference/timm-names.ts --write), and how far ours are from them. */
import { readFileSync } from 'node:fs';
import { compile } from '../../src/engine/index.ts';
import { onlyOutput } from '../../src/graph/index.ts';
import { asLibrary } from '../../src/import/outward.ts';
import { compose } from '../../zoo/index.ts';
import { largestDifference } from './nets.ts';
import { referenceImages, referenceNetTimes } from './reference-fill.ts';

export interface NamedLogits {
  /** 'timm/tinynet_e' */
  readonly name: string;
  readonly by: string;
  /** The factor of the scales of norms. */
  readonly gain: number;
  /** Of the image; 64 by default. */
  readonly size?: number;
  /** How far the library's own float32 logits are from these: a share of the largest. */
  readonly rounding: number;
  /** How far ours were when these were written. */
  readonly difference: number;
  readonly logits: readonly number[];
}
export const namedLogits: readonly NamedLogits[] = JSON.parse(
  readFileSync(new URL('../zoo/reference/named-logits.json', import.meta.url), 'utf8'),
).cases;

/** The largest difference of our logits, as a share of the largest, for the reference image of this size. */
export async function differenceOf({ name, gain, size = 64, logits }: NamedLogits): Promise<number> {
  const [library = '', model = ''] = name.split('/');
  const source = library === 'torchvision' ? library : model.startsWith('tf_') ? 'timm-tf' : 'timm';
  const graph = asLibrary(compose(`${name} size=${size} classes=${logits.length}`), source);
  const compiled = await compile(referenceNetTimes(graph, gain));
  const out = (await compiled.run(referenceImages(size * size * 3))).get(onlyOutput(graph));
  await compiled.release();
  return largestDifference(out ?? new Float32Array(), Float32Array.from(logits));
}
