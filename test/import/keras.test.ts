/** @file What a Keras configuration says: what is done to pixels, and which classifier stands on the net. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { MoonletError, UsageError } from '../../src/errors.ts';
import { importWeights, readWeightFile, type WeightFile } from '../../src/import/index.ts';
import { kerasModel } from '../../src/import/keras-config.ts';
import { headOf } from '../../src/import/keras-head.ts';
import { pixelsOf } from '../../src/import/keras-pixels.ts';
import { portedByName } from '../../src/import/names/index.ts';
import type { Pixels } from '../../src/import/pixels.ts';
import { compose, loadStudent } from '../../zoo/index.ts';
import { moonlet, scratch } from '../support/cli.ts';
import { messageOf } from '../support/errors.ts';
import { kerasBytes, kerasFile } from '../support/keras-files.ts';

type Config = Record<string, unknown>;
/** A layer as Keras 2 writes it: the one before it is its input, `also` its other arguments. */
const two = (kind: string, name: string, before: string, config: Config = {}, also: Config = {}) => ({
  class_name: kind,
  name,
  config: { name, ...config },
  inbound_nodes: before ? (kind === 'TFOpLambda' ? [[before, 0, 0, also]] : [[[before, 0, 0, also]]]) : [],
});
const tensor = (name: string) => ({
  class_name: '__keras_tensor__',
  config: { shape: [null, 8, 8, 3], keras_history: [name, 0, 0] },
});
/** And as Keras 3 does. */
const three = (kind: string, name: string, args: readonly unknown[], config: Config = {}) => ({
  class_name: kind,
  name,
  config: { name, ...config },
  inbound_nodes: [{ args, kwargs: { training: false, mask: null } }],
});
const functional = (layers: readonly Config[]) => {
  const names = layers.map((layer) => layer['name']);
  const config = { layers, input_layers: [[names[0], 0, 0]], output_layers: [[names.at(-1), 0, 0]] };
  const model = kerasModel({ class_name: 'Functional', config });
  if (!model) throw new Error('no model');
  return model;
};
const conv = (before: string) => two('Conv2D', 'conv', before);
const input = two('InputLayer', 'x', '');
const pixels = (...layers: readonly Config[]): Pixels =>
  pixelsOf(functional([input, ...layers]), () => undefined);

describe('what a Keras model does to pixels', () => {
  const half: Pixels = { affine: { scale: [1 / 127.5], offset: [-1] } };
  it('is nothing where a conv reads the input, whatever augments it', () => {
    expect(pixels(two('RandomFlip', 'flip', 'x'), conv('flip'))).to.deep.equal({});
  });
  it('is the same by operations of Keras 2 and 3, and by one layer', () => {
    const divided = two('TFOpLambda', 'd', 'x', { function: 'math.truediv' }, { y: 127.5, name: null });
    const shifted = two('TFOpLambda', 's', 'd', { function: 'math.subtract' }, { y: 1, name: null });
    expect(pixels(divided, shifted, conv('s'))).to.deep.equal(half);
    const newer = [
      three('TrueDivide', 'd', [tensor('x'), 127.5]),
      three('Subtract', 's', [tensor('d'), 1]),
      three('Conv2D', 'conv', [tensor('s')]),
    ];
    expect(pixels(...newer)).to.deep.equal(half);
    expect(pixels(two('Rescaling', 'r', 'x', { scale: 1 / 127.5, offset: -1 }), conv('r'))).to.deep.equal(
      half,
    );
  });
  it('is an affine map a channel: a mean and a variance after a scale', () => {
    const normal = two('Normalization', 'n', 'r', { mean: [0, 0.5, 1], variance: [1, 4, 0.25] });
    expect(pixels(two('Rescaling', 'r', 'x', { scale: 0.5, offset: 0 }), normal, conv('n'))).to.deep.equal({
      affine: { scale: [0.5, 0.25, 1], offset: [0, -0.25, -2] },
    });
  });
  it('is not guessed: other functions, constants that come first, layers of unknown effect, other readers', () => {
    const unread = (...layers: readonly Config[]) => pixels(...layers).unread;
    const turned = three('Subtract', 's', [1, tensor('x')]);
    expect(unread(turned, three('Conv2D', 'conv', [tensor('s')]))).to.equal('Subtract "s"');
    const old = {
      ...two('TFOpLambda', 's', 'x', { function: 'math.subtract' }),
      inbound_nodes: [['_CONSTANT_VALUE', -1, 1, { y: ['x', 0, 0] }]],
    };
    expect(unread(old, conv('s'))).to.equal('what reads InputLayer "x"');
    expect(unread(two('Lambda', 'mine', 'x'), conv('mine'))).to.equal('Lambda "mine"');
    expect(
      unread(two('Normalization', 'n', 'x', { invert: true, mean: 0, variance: 1 }), conv('n')),
    ).to.equal('Normalization "n"');
    expect(unread(two('Rescaling', 'r', 'x', { scale: 0 }), conv('r'))).to.equal('Rescaling "r"');
    expect(unread(two('Resizing', 'small', 'x'), conv('x'))).to.equal('what reads InputLayer "x"');
  });
});

describe('the classifier on a Keras model', () => {
  const net = [input, conv('x'), two('BatchNormalization', 'bn', 'conv'), two('ReLU', 'relu', 'bn')];
  const head = (...layers: readonly Config[]) => headOf(functional([...net, ...layers]));
  const pool = two('GlobalAveragePooling2D', 'gap', 'relu');
  const dense = (name: string, before: string, config: Config = {}) =>
    two('Dense', name, before, { units: 2, use_bias: true, activation: 'linear', ...config });
  it('is read from the map to the output', () => {
    expect(
      head(
        pool,
        two('Dropout', 'drop', 'gap', { rate: 0.25 }),
        dense('d', 'drop', { activation: 'sigmoid', units: 1 }),
      ),
    ).to.deep.equal({
      steps: [
        { kind: 'globalPool', fn: 'avg' },
        { kind: 'dropout', rate: 0.25 },
        { kind: 'dense', layer: 'd', units: 1, bias: true },
        { kind: 'act', fn: 'sigmoid' },
      ],
    });
  });
  it('is refused by the layer that has no counterpart, within it or before it', () => {
    expect(head(pool, two('PReLU', 'p', 'gap'), dense('d', 'p'))?.unread).to.equal('PReLU "p"');
    expect(head(pool, dense('d', 'gap', { activation: 'elu' }))?.unread).to.equal(
      'Dense "d" with activation "elu"',
    );
    const smaller = two('MaxPooling2D', 'half', 'up', { pool_size: [2, 2] });
    const up = two('UpSampling2D', 'up', 'relu');
    expect(head(up, smaller, two('Flatten', 'f', 'half'), dense('d', 'f'))?.unread).to.equal(
      'UpSampling2D "up" before it',
    );
    const twice = [two('Activation', 'more', 'relu'), two('GlobalAveragePooling2D', 'gap', 'more')];
    expect(head(...twice, dense('d', 'gap'))?.unread).to.equal('Activation "more" before it');
  });
  it('is none where convs end the net, or nothing is dense', () => {
    expect(
      head(two('Conv2D', 'logits', 'relu'), two('Reshape', 'r', 'logits', { target_shape: [3] })),
    ).to.equal(undefined);
    expect(head(pool)).to.equal(undefined);
  });
});

describe('import of a Keras net with another classifier', () => {
  const folder = scratch();
  const put = (name: string, bytes: Uint8Array): string => {
    mkdirSync(folder(), { recursive: true });
    writeFileSync(folder(name), bytes);
    return folder(name);
  };
  it('takes size and classes from the file, and the layers of its classifier', async () => {
    const [path, out] = [put('flat.keras', kerasBytes('keras2-flat.keras')), folder('flat')];
    const { code, stderr, stdout } = await moonlet(
      'import',
      path,
      '--as',
      'mobilenet-v2 width=0.05',
      '--out',
      out,
      '--json',
    );
    expect([code, stderr]).to.deep.equal([0, '']);
    expect(JSON.parse(stdout).taken).to.deep.equal(['size=32', 'classes=3']);
    const { graph } = loadStudent(out);
    expect(graph.name).to.equal('mobilenet-v2 width=0.05 classes=3 size=32 as keras');
    const ids = graph.nodes.map(({ id }) => id);
    expect(ids.slice(ids.indexOf('head/globalPool'))).to.deep.equal([
      ...[
        'head/globalPool',
        'head/hidden1/dense',
        'head/hidden1/act',
        'head/hidden1/norm',
        'head/hidden1/dropout',
      ],
      'head/dense',
    ]);
    expect(JSON.parse(stdout).differences).to.include.members([
      'the file ends in softmax, the net ends in the logits before it',
      'the classifier is that of the file: dense 16 ("dense"), dense 3 ("answer")',
    ]);
  });
  it('refuses another number of classes than is asked for', () => {
    const graph = compose('mobilenet-v2 width=0.05 size=32 classes=4');
    const { net, hint, classes } = importWeights(graph, kerasFile('keras2-flat.keras'), 'file');
    expect([net, hint, classes]).to.deep.equal([
      undefined,
      'the file has 3 classes and the net 4: add classes=3',
      3,
    ]);
  });
  it('draws a new one for a file without when told so, and leaves the rest as it is', async () => {
    const path = put('headless.keras', kerasBytes('keras3-headless.keras'));
    const args = [
      'import',
      path,
      '--as',
      'mobilenet-v2 width=0.05 classes=7',
      '--out',
      folder('fresh'),
      '--fresh-head',
    ];
    expect((await moonlet(...args)).code).to.equal(0);
    const { weights, graph } = loadStudent(folder('fresh'));
    expect(weights.get('head/dense:kernel')?.shape).to.deep.equal([1280, 7]);
    const card = JSON.parse(readFileSync(folder('fresh', 'card.json'), 'utf8'));
    expect(card.differences).to.include(
      'no classifier in the file: 2 weights are initialized at random and must be trained',
    );
    const again = importWeights(
      compose('mobilenet-v2 width=0.05 classes=7 size=32'),
      kerasFile('keras3-headless.keras'),
      'f',
      { freshHead: true },
    );
    expect(again.net?.weights.get('head/dense:kernel')).to.deep.equal(weights.get('head/dense:kernel'));
    expect(graph.outputs).to.deep.equal(['head/dense']);
  });
});

describe("timm's own nets and its ports from TensorFlow, whose names are the same,", () => {
  it('are told apart by the last name of a model in a path', () => {
    const rows = [
      'hub/tf_efficientnet_lite0-0aa007d2.pth',
      'models--timm--tf_mobilenetv3_small_075.in1k/model.safetensors',
    ];
    expect(rows.map(portedByName)).to.deep.equal(['timm-tf', 'timm-tf']);
    expect(portedByName('tf_models/efficientnet_lite0_ra-37913777.pth')).to.equal('timm');
    expect(portedByName('tf/model.safetensors')).to.equal(undefined);
    expect(portedByName('my_tf_net/netf_efficientnet.pth')).to.equal(undefined);
  });
  it('are asked for where nothing tells', () => {
    const graph = compose('efficientnet-lite0 classes=2 size=32');
    const file: WeightFile = {
      format: 'pytorch',
      tensors: new Map([
        ['conv_stem.weight', { shape: [32, 3, 3, 3], dtype: 'f32', read: () => new Float32Array(864) }],
      ]),
      skipped: [],
      told: {},
    };
    expect(messageOf(() => importWeights(graph, file, 'model.pth'), UsageError)).to.equal(
      'model.pth: timm has efficientnet-lite0 twice, its own and one ported from TensorFlow (tf_...), with the same tensor names but another eps and padding; choose one with --source timm or --source timm-tf',
    );
    const sourceOf = (name: string, model?: string): string =>
      importWeights(graph, file, name, model === undefined ? {} : { model }).report.source;
    expect(sourceOf('tf_efficientnet_lite0.pth')).to.equal('timm-tf');
    expect(sourceOf('efficientnet_lite0.pth')).to.equal('timm');
    expect(sourceOf('efficientnet_lite0.pth', 'tf_efficientnet_lite0')).to.equal('timm-tf');
    expect(importWeights(graph, file, 'm', { source: 'timm' }).report.source).to.equal('timm');
  });
});

describe('two layers of one name in a Keras file', () => {
  it('are refused with what to save instead', () => {
    const json = {
      modelTopology: {
        class_name: 'Sequential',
        config: { layers: [two('Dense', 'd', ''), two('Dense', 'e', '')] },
      },
      weightsManifest: [
        {
          paths: ['w.bin'],
          weights: ['a/d/kernel', 'b/d/kernel'].map((name) => ({ name, shape: [1], dtype: 'float32' })),
        },
      ],
    };
    const bytes = new TextEncoder().encode(JSON.stringify(json));
    expect(
      messageOf(() => readWeightFile(bytes, 'model.json', () => new Uint8Array(8)), MoonletError),
    ).to.equal(
      'model.json: two weights have the name "d/kernel"; if the file contains several nested models, save only the one to import: model.get_layer(NAME).save("part.keras")',
    );
  });
});
