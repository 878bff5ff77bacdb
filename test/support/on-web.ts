/**
 * @file A program of its own that trains and infers on onnxruntime's build for browsers, in Node, and prints what came out as JSON.
 *
 * Its own, since `require` gives that build and the native one the same classes, and the same list of backends: in a process
 * that has loaded both in that way, sessions of the one run on the other. Imported, they are apart.
 */

import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { expect } from 'chai';
import * as native from 'onnxruntime-node';
import * as web from 'onnxruntime-web';
import { sketch } from '../../src/bench/cases.ts';
import { compile } from '../../src/engine/index.ts';
import { onlyOutput } from '../../src/graph/index.ts';
import { blockOf, givesPoolIndices, needsSafeConvs, type Runtime } from '../../src/jit/runtime.ts';
import { type ConvGeometry, conv, maxPool, type PoolGeometry } from '../../src/kernels/index.ts';
import { decodeModel } from '../../src/onnx/index.ts';
import { wrn } from '../../zoo/architectures/index.ts';
import { both, distance, numbers, withGradients } from '../jit/agree.ts';
import { expectStepsAgree, steps } from './agreement.ts';
import { largestDifference, noise, shaken, sizeOf } from './nets.ts';

type Shape4 = [number, number, number, number];

expect(web.InferenceSession).not.to.equal(native.InferenceSession);
const graph = sketch();
const net = shaken(wrn({ depth: 10, size: 16 }));
const x = noise(2 * 768, 'web');
const logits = async (runtime?: typeof web): Promise<Float32Array> => {
  const runner = await compile(net, runtime ? { runtime } : {});
  const found = (await runner.run(x)).get(onlyOutput(net.graph)) as Float32Array;
  await runner.release();
  return found;
};
/** Of a calm net: where a relu's input lies within rounding of 0, one unit in the last place of an image changes the third loss by 1e-3. */
const losses = async (runner: 'onnxruntime' | 'web') =>
  (await steps(graph, runner, { count: 3, batch: 64, calm: true })).losses;

const noPads = { top: 0, bottom: 0, left: 0, right: 0 };

/** Convs of one channel in a group: sizes that are no powers of two, each stride, and padding on one side only. */
const depthwise: readonly (readonly [
  name: string,
  image: Shape4,
  kernel: number,
  plus: Partial<ConvGeometry>,
])[] = [
  ['5x7', [23, 5, 7, 6], 3, {}],
  ['7x7, stride 2', [5, 7, 7, 10], 3, { stride: [2, 2] }],
  ['6x5, padded above and behind', [2, 6, 5, 3], 3, { pads: { top: 2, bottom: 0, left: 0, right: 1 } }],
  ['9x9, dilated', [21, 9, 9, 5], 3, { dilation: [2, 2], pads: { top: 2, bottom: 2, left: 2, right: 2 } }],
  ['3x3, taps beyond', [3, 3, 3, 7], 5, { pads: { top: 2, bottom: 2, left: 2, right: 2 } }],
  ['13x11, stride 2', [35, 13, 11, 2], 3, { stride: [2, 2] }],
  ['14x14, stride 3 down', [33, 14, 14, 2], 3, { stride: [3, 1] }],
  ['14x12, stride 2', [35, 14, 12, 3], 3, { stride: [2, 2] }],
  ['12x9, stride 3 across, kernel of 2', [33, 12, 9, 2], 2, { stride: [1, 3], pads: noPads }],
  ['13x12, stride 2, dilated', [33, 13, 12, 2], 3, { stride: [2, 2], dilation: [2, 2] }],
  [
    '8x6, stride 2, padded behind',
    [1, 8, 6, 4],
    3,
    { stride: [2, 2], pads: { ...noPads, bottom: 1, right: 1 } },
  ],
  ['29x27', [2, 29, 27, 3], 3, {}],
  ['41x40', [1, 41, 40, 3], 3, {}],
  ['41x40, stride 2', [2, 41, 40, 3], 3, { stride: [2, 2] }],
];

/** Full convs of few channels: sizes that are no powers of two, each stride, and padding on one side only. */
const fewChannels: typeof depthwise = [
  ['9x7 of 1', [3, 9, 7, 1], 3, {}],
  ['9x8 of 3, stride 2', [2, 9, 8, 3], 3, { stride: [2, 2] }],
  [
    '10x7 of 2, padded behind',
    [2, 10, 7, 2],
    3,
    { stride: [2, 1], pads: { ...noPads, bottom: 1, right: 1 } },
  ],
  ['8x9 of 1, dilated', [1, 8, 9, 1], 3, { dilation: [2, 1] }],
  ['2x3 of 1, taps beyond', [2, 2, 3, 1], 5, { pads: { top: 3, bottom: 3, left: 3, right: 3 } }],
];

const geometryOf = (channels: number, plus: Partial<ConvGeometry>): ConvGeometry => ({
  stride: [1, 1],
  dilation: [1, 1],
  pads: { top: 1, bottom: 1, left: 1, right: 1 },
  groups: channels,
  ...plus,
});

/** How the convs of a model are computed: by products, as convs of rows, or as convs of images. */
function formOf(model: Uint8Array): string {
  const convs = decodeModel(model).nodes.filter(({ opType }) => opType.startsWith('Conv'));
  const isOfRows = convs.map(
    ({ attributes: { kernel_shape } = {} }) => kernel_shape?.kind === 'ints' && kernel_shape.value[1] === 1,
  );
  if (convs.length === 0) return 'products';
  return isOfRows.every(Boolean) ? 'rows' : isOfRows.some(Boolean) ? 'both' : 'images';
}

/** For each conv, traced on the web's runtime and eager: the distance of y and both gradients, and how the convs are computed. */
async function depthwiseForms(): Promise<readonly (readonly [string, number, string])[]> {
  await tf.setBackend('cpu');
  const rows: [string, number, string][] = [];
  for (const [name, image, size, plus] of depthwise) {
    const channels = image[3];
    const geometry = geometryOf(channels, plus);
    const [x, kernel] = [tf.tensor4d(numbers(sizeOf(image), 1), image), kernelOf([size, size, 1, channels])];
    // the two halves of the channels alternate, as in ShuffleNet, where they are even in number
    const shuffled = (y: tf.Tensor): tf.Tensor => {
      const [b = 1, h = 1, w = 1] = y.shape;
      if (channels % 2) return y;
      const halves = tf.reshape(y, [b, h, w, 2, channels / 2]);
      return tf.reshape(tf.transpose(halves, [0, 1, 2, 4, 3]), y.shape);
    };
    const fn = withGradients(
      (a, k) => shuffled(tf.relu6(tf.mul(conv(a as tf.Tensor4D, k as tf.Tensor4D, geometry), 3))),
      2,
    );
    const { traced, eager, model } = await both(fn, [x, kernel], true, web);
    const far = Math.max(...eager.map((values, i) => distance(values, traced[i] ?? [])));
    rows.push([name, far, formOf(model)]);
  }
  return rows;
}

/** For each conv of few channels, traced on the web's runtime and eager: the distance of y and of the filter gradient, and the form. */
async function fewChannelForms(): Promise<readonly (readonly [string, number, string])[]> {
  await tf.setBackend('cpu');
  const rows: [string, number, string][] = [];
  for (const [name, image, size, plus] of fewChannels) {
    const x = tf.tensor4d(numbers(sizeOf(image), 1), image);
    const kernel = kernelOf([size, size, image[3], 2 * size * size]);
    const own = geometryOf(1, plus);
    const fn = withGradients((k, a) => conv(a as tf.Tensor4D, k as tf.Tensor4D, own), 1);
    const { traced, eager, model } = await both(fn, [kernel, x], true, web);
    const far = Math.max(...eager.map((values, i) => distance(values, traced[i] ?? [])));
    rows.push([name, far, formOf(model)]);
  }
  return rows;
}
const kernelOf = (shape: Shape4): tf.Tensor4D => tf.tensor4d(numbers(sizeOf(shape), 2), shape);

/** Max pools: sizes that are no powers of two, each stride, windows that overlap or leave rows out, and padding on one side only. */
const pools: readonly (readonly [name: string, image: Shape4, pool: PoolGeometry])[] = [
  ['7x5', [2, 7, 5, 3], pooled([2, 2], [1, 1])],
  ['9x11, windows of 3 in steps of 2', [3, 9, 11, 5], pooled([3, 3], [2, 2], [1, 1, 1, 1])],
  ['10x13, rows left over', [2, 10, 13, 3], pooled([2, 2], [3, 3])],
  ['12x7, padded above and to the right', [2, 12, 7, 6], pooled([3, 2], [2, 3], [2, 0, 0, 1])],
  ['6x6, padded below', [5, 6, 6, 1], pooled([3, 3], [2, 2], [0, 1, 0, 1])],
  ['5x9, one row', [1, 5, 9, 7], pooled([5, 3], [1, 2], [0, 0, 1, 1])],
];

function pooled(
  size: PoolGeometry['size'],
  stride: PoolGeometry['stride'],
  [top, bottom, left, right]: readonly [number, number, number, number] = [0, 0, 0, 0],
): PoolGeometry {
  return { size, stride, pads: { top, bottom, left, right } };
}

/** The web's runtime, which refuses a MaxPool with indices, as WebGPU does. */
const withoutIndices = {
  Tensor: web.Tensor,
  InferenceSession: {
    create: async (model: Uint8Array, options: object) => {
      const hasIndices = decodeModel(model).nodes.some((n) => n.opType === 'MaxPool' && n.outputs.length > 1);
      if (hasIndices) throw new Error('MaxPool: Indices output is not supported');
      return web.InferenceSession.create(model, options);
    },
  },
} as unknown as Runtime;

/**
 * For each pool, traced for a runtime with indices and one without, and eager: the distance of y and of the gradient. Images of a relu
 * and of few different numbers have ties, among them windows of zeros that reach into the padding.
 */
async function maxPools(): Promise<readonly (readonly [name: string, withTies: number, without: number])[]> {
  await tf.setBackend('cpu');
  const rows: [string, number, number][] = [];
  for (const [name, image, geometry] of pools) {
    const fn = withGradients((x) => maxPool(x as tf.Tensor4D, geometry), 1);
    const continuous = tf.tensor4d(numbers(sizeOf(image), 3), image);
    const ties = tf.tensor4d(
      numbers(sizeOf(image), 4).map((v) => Math.max(0, Math.round(2 * v))),
      image,
    );
    for (const runtime of [web, withoutIndices]) {
      const far: number[] = [];
      for (const x of [ties, continuous]) {
        const { traced, eager } = await both(fn, [x], true, runtime);
        far.push(Math.max(...eager.map((values, i) => distance(values, traced[i] ?? []))));
      }
      const [withTies = Number.NaN, without = Number.NaN] = far;
      rows.push([`${name}${runtime === web ? '' : ', no indices'}`, withTies, without]);
    }
  }
  return rows;
}

const results: Readonly<Record<string, () => Promise<unknown>>> = {
  block: async () => [(await blockOf(web)) ?? null, await needsSafeConvs(web)],
  inference: async () => largestDifference(await logits(web), await logits()),
  losses: async () => [await losses('onnxruntime'), await losses('web')],
  depthwise: depthwiseForms,
  fewChannels: fewChannelForms,
  pools: async () => ({
    indices: [await givesPoolIndices(web), await givesPoolIndices(withoutIndices)],
    rows: await maxPools(),
  }),
  steps: async () => {
    await expectStepsAgree(graph, { batch: 13, engine: 'web', reference: 'onnxruntime' });
    return 'agree';
  },
};
const [, , name = ''] = process.argv;
process.stdout.write(`${JSON.stringify(await results[name]?.())}\n`);
process.exit(0); // its threads would keep the process
