/**
 * @file Imports every net that keras_files.py wrote, of each format and both versions of Keras, and prints how far its
 * outputs are from Keras's: npm run references -- keras-check FOLDER
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readWeightFile } from '../../src/import/index.ts';
import { differenceToKeras, type KerasRow } from '../../test/support/keras-files.ts';

const root = process.argv[2] ?? '.';
for (const version of readdirSync(root).sort()) {
  const folder = join(root, version);
  const rows: Readonly<Record<string, KerasRow>> = JSON.parse(
    readFileSync(join(folder, 'outputs.json'), 'utf8'),
  );
  for (const [name, row] of Object.entries(rows))
    for (const file of [`${name}/model.json`, `${name}.h5`, `${name}.keras`, `${name}.weights.h5`]) {
      const path = join(folder, file);
      if (!existsSync(path)) continue;
      const shard = (part: string): Uint8Array => readFileSync(join(dirname(path), part));
      const result = await Promise.resolve()
        .then(() => differenceToKeras(readWeightFile(readFileSync(path), file, shard), row))
        .then((difference) => difference.toExponential(1))
        .catch((e: Error) => e.message);
      console.log(`${version}/${file}: ${result}`);
    }
}
