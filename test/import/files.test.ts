/** @file `moonlet import` on files that PyTorch, safetensors and Keras wrote: the imported net gives their logits. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { loadStudent } from '../../zoo/index.ts';
import { moonlet, scratch } from '../support/cli.ts';
import { largestDifference } from '../support/nets.ts';
import { fileOf } from '../support/packed.ts';
import { referenceImages } from '../support/reference-fill.ts';
import { runForward } from '../support/run.ts';

const logits: Readonly<Record<string, readonly number[]>> = JSON.parse(
  readFileSync(new URL('files/logits.json', import.meta.url), 'utf8'),
);
const image = referenceImages(32 * 32 * 3);
const v1 = 'mobilenet-v1 width=0.05 size=32 classes=3';
const v2 = 'mobilenet-v2 width=0.05 size=32 classes=3';

// file, net, source, format, how near: halves have 11 significant bits, the values have 4
const cases = [
  ['mobilenet-v1.pth', v1, 'timm', 'pytorch'],
  ['mobilenet-v1-legacy.pth', v1, 'timm', 'pytorch'],
  ['mobilenet-v1-checkpoint.pth', v1, 'timm', 'pytorch'],
  ['mobilenet-v1.safetensors', v1, 'timm', 'safetensors'],
  ['mobilenet-v1-bf16.safetensors', v1, 'timm', 'safetensors'],
  ['mobilenet-v2.pth', v2, 'torchvision', 'pytorch'],
  ['keras-mobilenet-v2.h5', v2, 'keras', 'keras-h5'],
  ['keras-mobilenet-v2.weights.h5', v2, 'keras', 'keras-weights'],
  ['keras-mobilenet-v2.keras', v2, 'keras', 'keras'],
] as const;

describe('import', () => {
  const folder = scratch();
  const written = (name: string, as = name): string => {
    mkdirSync(folder(), { recursive: true });
    writeFileSync(folder(as), fileOf(name));
    return folder(as);
  };

  for (const [name, arch, source, format] of cases) {
    it(`${name}: complete, with the logits of ${source}`, async () => {
      const out = folder(`out-${name}`);
      const { code, stdout, stderr } = await moonlet(
        ...['import', written(name), '--as', arch, '--out', out, '--json'],
      );
      expect([code, stderr]).to.deep.equal([0, '']);
      const report = JSON.parse(stdout);
      expect(report).to.include({ format, source, complete: true });
      for (const kind of ['missing', 'unexpected', 'misshapen']) expect(report[kind]).to.deep.equal([]);
      expect(readdirSync(out).sort()).to.deep.equal(['card.json', 'graph.json', 'weights.safetensors']);
      const net = loadStudent(out);
      const expected = Float32Array.from(logits[`${source} ${arch}`] as number[]);
      expect(largestDifference(await runForward(net, image), expected)).to.be.below(1e-5);
    });
  }
});
