/** @file The net by which WebGPU is checked has every kind of node that training in browsers has. */
import { expect } from 'chai';
import { dataset } from '../../src/data/index.ts';
import { checkedFunction, checkedSpecs } from '../../src/engine/web-gpu-check.ts';
import { type Graph, inputShape } from '../../src/graph/index.ts';
import { type Runtime, trace } from '../../src/jit/index.ts';
import { type FitOptions, fit } from '../../src/learn/index.ts';
import { decodeModel, type OnnxNode } from '../../src/onnx/index.ts';
import { methodNames } from '../../src/web/work/method-names.ts';
import { lossesOf } from '../../src/web/work/methods.ts';
import { studentGraph } from '../../src/web/work/students.ts';
import { init } from '../../src/weights/index.ts';
import { compose } from '../../zoo/architectures/index.ts';
import { inBrowsers, small } from '../support/nets.ts';

/** An op with what chooses another program on a GPU: groups and strides. */
function kindOf({ opType, attributes = {} }: OnnxNode): string {
  const { group, strides } = attributes;
  const isGrouped = group?.kind === 'int' && group.value > 1;
  const isStrided = strides?.kind === 'ints' && strides.value.some((stride) => stride > 1);
  return `${isGrouped ? 'grouped ' : ''}${isStrided ? 'strided ' : ''}${opType}`;
}
const kindsOf = (model: Uint8Array): ReadonlySet<string> => new Set(decodeModel(model).nodes.map(kindOf));

/** A runtime without blocks and without indices of pools, which keeps the models of its sessions and runs none of them. */
function recording(): { readonly runtime: Runtime; readonly models: Uint8Array[] } {
  const models: Uint8Array[] = [];
  const create = async (model: Uint8Array) => {
    models.push(model);
    return { run: () => Promise.reject(new Error('recorded')), release: async () => {} };
  };
  return { runtime: { Tensor: class {}, InferenceSession: { create } } as unknown as Runtime, models };
}

/** Kinds of nodes of a run that the check lacks. */
async function missing(graph: Graph, o: Partial<FitOptions> = {}): Promise<readonly string[]> {
  const [height = 1, width = 1, channels = 1] = inputShape(graph);
  const part = {
    pixels: Uint8Array.from({ length: 16 * height * width * channels }, (_, i) => (7 * i) % 251),
    labels: Array.from({ length: 16 }, (_, i) => i % 10),
  };
  const data = dataset({ shape: [height, width, channels], classes: 10, train: part, test: part });
  const { runtime, models } = recording();
  const ran = await fit(init(graph), data.train, data, { steps: 1, batch: 8, ...o, runtime }).catch(
    (e: Error) => e.message,
  );
  expect(ran).to.equal('recorded');
  const known = kindsOf(
    trace(checkedFunction, checkedSpecs, { poolIndices: false, safeConvs: true, join: true }).model,
  );
  expect(known.has('strided ConvTranspose'), 'the gradient of a pool').to.equal(true);
  // the last model is the step; those before are questions to the runtime, and teachers
  return [...kindsOf(models.at(-1) ?? new Uint8Array())].filter((kind) => !known.has(kind)).sort();
}

describe('the check of WebGPU has every kind of node of', () => {
  for (const name of inBrowsers)
    it(`${name}`, async () => expect(await missing(small(name, 16))).to.deep.equal([]));

  const teacher = init(compose('wrn depth=10 width=1 size=28 channels=1'));
  for (const { id } of methodNames)
    it(`the page's method ${id}`, async () => {
      const o = { teacher, losses: lossesOf(id) };
      expect(await missing(studentGraph('wrn-bg24'), o)).to.deep.equal([]);
    });
});
