/**
 * @file Models made by hand with the stock tf.layers API, saved and loaded: they grow as ours do, and what comes out is
 * a stock model again, which a process that knows nothing of Moonlet loads.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { expect } from 'chai';
import { type GrowPlan, grow, verifyCertificate } from '../../src/edit/index.ts';
import { Refusal } from '../../src/errors.ts';
import { channels } from '../../src/graph/index.ts';
import { cost } from '../../src/read/index.ts';
import { fromLayers, toLayers } from '../../src/read/tfjs/index.ts';
import { largestDifference, noise } from '../support/nets.ts';
import { useCpu } from '../support/tensors.ts';

const { layers: l } = tfl;
type Symbol = tfl.SymbolicTensor;
let seed = 0;
const normal = () => tfl.initializers.randomNormal({ stddev: 0.3, seed: ++seed });
const some = () => ({ kernelInitializer: normal(), biasInitializer: normal() });
const on = (layer: tfl.layers.Layer, ...x: Symbol[]): Symbol =>
  layer.apply(x.length > 1 ? x : (x[0] as Symbol)) as Symbol;
const conv = (name: string, filters: number, kernelSize = 3, activation?: 'relu') =>
  l.conv2d({ ...some(), name, filters, kernelSize, padding: 'same', ...(activation ? { activation } : {}) });

/** Two branches concatenated, a residual sum, flatten and dense; convs have biases. */
function functional(): tfl.LayersModel {
  const x = tfl.input({ shape: [8, 8, 3], name: 'image' });
  const a = on(conv('left', 6, 3, 'relu'), x);
  const b = on(conv('right', 4, 1, 'relu'), x);
  const both = on(l.concatenate({ name: 'both' }), a, b);
  const body = on(conv('second', 10), on(l.reLU({ name: 'between' }), on(conv('first', 7), both)));
  const sum = on(l.add({ name: 'sum' }), both, body);
  const settled = on(
    l.activation({ activation: 'relu', name: 'settled' }),
    on(l.batchNormalization({ name: 'norm' }), sum),
  );
  const small = on(l.maxPooling2d({ poolSize: 2, name: 'pool' }), settled);
  const hidden = on(
    l.dense({ ...some(), units: 12, activation: 'relu', name: 'hidden' }),
    on(l.flatten({ name: 'flat' }), small),
  );
  return tfl.model({
    inputs: x,
    outputs: on(l.dense({ ...some(), units: 5, name: 'logits' }), hidden),
    name: 'byHand',
  });
}
function sequential(): tfl.LayersModel {
  return tfl.sequential({
    name: 'plain',
    layers: [
      l.conv2d({
        ...some(),
        inputShape: [8, 8, 3],
        name: 'one',
        filters: 5,
        kernelSize: 3,
        activation: 'relu',
      }),
      l.depthwiseConv2d({ depthwiseInitializer: normal(), name: 'each', kernelSize: 3, depthMultiplier: 2 }),
      l.batchNormalization({ name: 'norm' }),
      l.globalAveragePooling2d({ name: 'mean' }),
      l.dense({ ...some(), units: 9, activation: 'tanh', name: 'hidden' }),
      l.dense({ ...some(), units: 5, activation: 'softmax', name: 'out' }),
    ],
  });
}

describe('growth of stock tf.layers models', () => {
  before(useCpu);
  const folder = mkdtempSync(join(tmpdir(), 'moonlet-growth-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const images = noise(2 * 8 * 8 * 3, 'stock');
  const predict = (model: tfl.LayersModel): Float32Array =>
    tf.tidy(
      () => (model.predict(tf.tensor([...images], [2, 8, 8, 3])) as tf.Tensor).dataSync() as Float32Array,
    );

  /** As tf's own file handler does it, which a browser and Node without the native add-on lack. */
  async function save(model: tfl.LayersModel, name: string): Promise<string> {
    const file = join(folder, name);
    await model.save(
      tf.io.withSaveHandler(async ({ weightData, ...rest }) => {
        writeFileSync(`${file}.json`, JSON.stringify(rest));
        writeFileSync(
          `${file}.bin`,
          new Uint8Array(tf.io.concatenateArrayBuffers([weightData as ArrayBuffer].flat())),
        );
        return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
      }),
    );
    return file;
  }
  const load = (file: string): Promise<tfl.LayersModel> =>
    tfl.loadLayersModel({
      load: async () => ({
        ...(JSON.parse(readFileSync(`${file}.json`, 'utf8')) as object),
        weightData: new Uint8Array(readFileSync(`${file}.bin`)).buffer,
      }),
    });
  /** What a process says in which only tf is imported. */
  function elsewhere(file: string): Float32Array {
    const script = `
      import * as tf from '@tensorflow/tfjs-core';
      import '@tensorflow/tfjs-backend-cpu';
      import { loadLayersModel } from '@tensorflow/tfjs-layers';
      import { readFileSync } from 'node:fs';
      const [file, images] = ${JSON.stringify([file, [...images]])};
      const model = await loadLayersModel({ load: async () => ({
        ...JSON.parse(readFileSync(file + '.json', 'utf8')),
        weightData: new Uint8Array(readFileSync(file + '.bin')).buffer,
      }) });
      console.log(JSON.stringify([...model.predict(tf.tensor(images, [2, 8, 8, 3])).dataSync()]));`;
    const out = execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return Float32Array.from(JSON.parse(out.trim().split('\n').at(-1) as string) as number[]);
  }

  const cases: readonly (readonly [make: () => tfl.LayersModel, plan: GrowPlan, what: string])[] = [
    [functional, [{ widen: { left: 15, first: 'x2', hidden: 18 } }], 'widened'],
    [
      functional,
      [
        { deepen: 'settled', by: 1, kind: 'dirac' },
        { deepen: 'second', by: 1, kind: 'branch' },
      ],
      'deepened',
    ],
    [
      functional,
      [
        { widen: { second: 'x1.5', hidden: 'x1.5' } },
        { deepen: 'settled', by: 2 },
        { enlarge: 'first', to: 5 },
      ],
      'both',
    ],
    [sequential, [{ widen: { one: 8, hidden: 'x2' } }, { deepen: 'norm', by: 1 }], 'sequential, both'],
  ];
  for (const [i, [make, plan, what]] of cases.entries()) {
    it(`${what}: the same within 1e-5, and stock again`, async () => {
      const model = await load(await save(make(), `made${i}`));
      const before = predict(model);
      const net = fromLayers(model);
      const grown = grow(net, plan, { seed: i });
      expect(verifyCertificate(net, grown.net, grown.maps)).to.deep.equal([]);
      expect(cost(grown.net.graph).params).to.be.above(cost(net.graph).params);
      const back = toLayers(grown.net);
      expect(back.layers.map((x) => x.getClassName())).not.to.include('MoonletOp');
      expect(largestDifference(predict(back), before)).to.be.below(1e-5);
      expect(largestDifference(elsewhere(await save(back, `grown${i}`)), before)).to.be.below(1e-5);
    }).timeout(60_000);
  }

  it('its layers are the names to widen by, and what cannot change is said', () => {
    const net = fromLayers(functional());
    const { variables } = channels(net.graph);
    expect(variables.map((v) => v.name)).to.include.members(['left', 'first', 'hidden']);
    expect(() => grow(net, [{ widen: { logits: 'x2' } }])).to.throw(
      Refusal,
      /logits: its width cannot change, since it is the output/,
    );
  });
});
