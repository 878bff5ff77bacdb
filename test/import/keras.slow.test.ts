/**
 * @file Files that Keras 2.15 and 3.15 wrote (scripts/reference/keras_files.py): nets of keras.applications, and what
 * transfer learning makes of them. Each is imported and gives Keras's outputs, or is refused with a remedy that works:
 * the same net in another of these files.
 */
import { readdirSync } from 'node:fs';
import { expect } from 'chai';
import { fromLayers } from '../../src/read/tfjs/index.ts';
import {
  differenceToKeras,
  imageOf,
  type KerasRow,
  kerasFile,
  kerasRows,
  loadedByTf,
} from '../support/keras-files.ts';
import { largestDifference } from '../support/nets.ts';
import { runForward } from '../support/run.ts';
import { useCpu } from '../support/tensors.ts';

const nameless =
  'does not contain the names of its layers, since it was written by Keras before 3.8; save the whole model as .keras or .h5: model.save("model.keras")';
const lost =
  "the model's configuration has this layer, but the file has no weights for it: the tensorflowjs converter loses the weights of layers with a slash in their names, as in Keras 2's MobileNetV3; import the original .h5 or .keras file";
const headless =
  'it has no classifier (in Keras: include_top=False); add --fresh-head to initialize a new one at random';
const refusals: readonly (readonly [files: RegExp, message: string])[] = [
  [/^keras2-v2\.weights\.h5$/, `keras2-v2.weights.h5: ${nameless}`],
  [/^keras2-v3-(small|large)\.json$/, lost],
  [/-headless\./, headless],
  [
    /^keras3-flat\.weights\.h5$/,
    'its classifier has several layers, whose order is not in a file with weights only; save the whole model, model.save("model.keras"), and import that',
  ],
];

describe('import of', () => {
  const files = readdirSync(new URL('keras', import.meta.url))
    .filter((name) => name.endsWith('.gz') && !name.endsWith('.bin.gz'))
    .map((name) => name.replace(/\.gz$/, ''));
  for (const name of files) {
    const [, version = '', net = ''] = /^(keras\d)-([\w-]+)\./.exec(name) ?? [];
    const row = kerasRows[version]?.[net];
    const refusal = refusals.find(([pattern]) => pattern.test(name))?.[1];
    if (!row) throw new Error(`${name}: no outputs`);
    it(`${name}: ${refusal === undefined ? `the outputs of ${row.by}` : 'refused with the remedy'}`, async () => {
      const difference = Promise.resolve().then(() => differenceToKeras(kerasFile(name), row));
      const result = await difference.catch((e: Error) => e.message);
      if (refusal === undefined) expect(result).to.be.a('number').below(2e-5);
      else expect(result).to.equal(refusal);
    });
  }
});

describe('fromLayers of a model.json that Keras 2 wrote:', () => {
  before(useCpu);
  for (const name of ['v2', 'flat', 'sequential', 'densenet']) {
    it(`${name}: the outputs of Keras`, async () => {
      const row = kerasRows['keras2']?.[name] as KerasRow;
      const model = await loadedByTf(`keras2-${name}.json`);
      const net = fromLayers(model);
      model.dispose();
      // softmax and the scaling of pixels are the model's own here
      const out = await runForward(net, imageOf(row));
      expect(largestDifference(out, Float32Array.from(row.outputs))).to.be.below(2e-5);
    });
  }
});
