/** @file Files as somebody brings them: a net as ONNX, and test images as PNGs in folders by class. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { loadDataset } from '../../src/data/index.ts';
import { toOnnx } from '../../src/export/index.ts';
import { loadStudent, readCard } from '../../zoo/index.ts';

export interface OwnFiles {
  readonly onnx: string;
  readonly folder: string;
}

/** With labels in the ONNX file where they are given. They are removed when the process ends. */
export async function ownFiles(
  student: string,
  count: number,
  labels?: readonly string[],
): Promise<OwnFiles> {
  const root = mkdtempSync(join(tmpdir(), 'moonlet-own-'));
  process.once('exit', () => rmSync(root, { recursive: true, force: true }));
  const onnx = join(root, `${student.replace('/', '-')}.onnx`);
  writeFileSync(onnx, toOnnx(loadStudent(student), { layout: 'NCHW', card: labels ? { labels } : {} }));
  const { test, shape } = await loadDataset(readCard(student).data);
  const [height, width, channels] = shape;
  const size = height * width * channels;
  const folder = join(root, 'pictures');
  for (let i = 0; i < count; i++) {
    const place = join(folder, String(test.labels[i]));
    mkdirSync(place, { recursive: true });
    const pixels = Buffer.from(test.pixels.slice(i * size, (i + 1) * size));
    await sharp(pixels, { raw: { width, height, channels: channels === 3 ? 3 : 1 } })
      .png()
      .toFile(join(place, `${i}.png`));
  }
  return { onnx, folder };
}
