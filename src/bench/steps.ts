/** @file One step of a case on each of Moonlet's engines, as `fit`, `distill` and `compile` run it. */

import { createRequire } from 'node:module';
import { compile, type EngineOptions, engineNamed } from '../engine/index.ts';
import { type FeatureMap, type Graph, inputShape, isMap } from '../graph/index.ts';
import { type Material, type Step, training } from './training.ts';

export type { Step } from './training.ts';

export interface Makers {
  /** Whose time is reported; what else was tried goes into the note. */
  readonly counts: 'first' | 'fastest';
  readonly variants: readonly (readonly [name: string, make: () => Promise<Step>])[];
  readonly versions: Readonly<Record<string, string>>;
}

const require = createRequire(import.meta.url);
const versionOf = (name: string): string => {
  const { version }: { readonly version: string } = require(`${name}/package.json`);
  return version;
};

/** `moonlet` counts as it comes, with a thread for each core. */
export function makers(name: string, material: Material): Makers {
  const make = (options: EngineOptions) => (): Promise<Step> =>
    material.job.kind === 'infer' ? inference(material, options) : training(material, options);
  if (name === 'moonlet') {
    return {
      counts: 'first',
      variants: [
        ['its own threads', make({})],
        ['1 thread', make({ threads: 1 })],
      ],
      versions: { 'onnxruntime-node': versionOf('onnxruntime-node') },
    };
  }
  const engine = engineNamed(name);
  return {
    counts: 'first',
    variants: [[name, make({ engine })]],
    versions: { '@tensorflow/tfjs-core': versionOf('@tensorflow/tfjs-core') },
  };
}

/** As the export of PyTorch, `moonlet` takes its images channels first. */
async function inference({ net, job, x }: Material, options: EngineOptions): Promise<Step> {
  const ours = (options.engine ?? 'onnxruntime') === 'onnxruntime';
  const runner = await compile(net, { ...options, layout: ours ? 'NCHW' : 'NHWC' });
  const [h, w, c] = imageShape(net.graph);
  const images = ours ? channelsFirst(x, [job.batch, h, w, c]) : x;
  return {
    run: async () => void (await runner.run(images)),
    loss: () => undefined,
    release: () => runner.release(),
  };
}

/** An ONNX file that PyTorch wrote, on onnxruntime-node: by its default, which is all cores, and on one thread. */
export function exportRunner(file: string, { net, job, x }: Material): Makers {
  const [h, w, c] = imageShape(net.graph);
  const make = (threads?: number) => async (): Promise<Step> => {
    const { InferenceSession, Tensor } = await import('onnxruntime-node');
    const session = await InferenceSession.create(
      file,
      threads === undefined ? {} : { intraOpNumThreads: threads },
    );
    const image = new Tensor('float32', channelsFirst(x, [job.batch, h, w, c]), [job.batch, c, h, w]);
    const [input = 'x'] = session.inputNames;
    return {
      run: async () => void (await session.run({ [input]: image })),
      loss: () => undefined,
      release: () => session.release(),
    };
  };
  return {
    counts: 'fastest',
    variants: [
      ['all cores', make()],
      ['1 thread', make(1)],
    ],
    versions: { 'onnxruntime-node': versionOf('onnxruntime-node') },
  };
}

/** Height, width and channels of the images that a net takes. */
function imageShape(graph: Graph): FeatureMap {
  const shape = inputShape(graph);
  if (isMap(shape)) return shape;
  throw new Error(`internal: ${graph.name} takes no images`);
}

function channelsFirst(
  x: Float32Array,
  [b, h, w, c]: readonly [number, number, number, number],
): Float32Array {
  const y = new Float32Array(x.length);
  const area = h * w;
  for (let i = 0; i < b * area; i++)
    for (let k = 0; k < c; k++) y[(Math.floor(i / area) * c + k) * area + (i % area)] = x[i * c + k]!;
  return y;
}
