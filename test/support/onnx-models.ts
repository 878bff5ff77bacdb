/** @file Small ONNX models written by hand, and whether fromOnnx computes what onnxruntime does. */
import { expect } from 'chai';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { compile } from '../../src/engine/index.ts';
import { type FromOnnxOptions, fromOnnx, type OnnxNet } from '../../src/import/index.ts';
import { encodeModel, type OnnxModel, type OnnxNode, type OnnxTensor } from '../../src/onnx/index.ts';
import { materialize, type Net } from '../../src/weights/index.ts';
import { noise } from './nets.ts';
import { modelOf, real } from './onnx-build.ts';

/** The output of onnxruntime for two examples, and its shape. */
async function theirs(model: OnnxModel, x: Float32Array, dims: readonly number[]) {
  // the shape of the output is left open
  const session = await InferenceSession.create(encodeModel(model), {
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
  });
  const { y } = await session.run({ x: new Tensor('float32', x, dims) });
  await session.release();
  return { data: Float32Array.from(y?.data as Float32Array), dims: y?.dims ?? [] };
}

/** Ours, in the order of the file's axes. */
async function ours(net: OnnxNet, x: Float32Array): Promise<Float32Array> {
  const [input, output] = [net.report.inputs[0], net.report.outputs[0]];
  const isLast = (axes = ''): boolean => axes.startsWith('nhw');
  const layout = isLast(input?.axes) ? 'NHWC' : 'NCHW';
  const node = output?.node ?? '';
  const compiled = await compile(net, { layout, values: [node] });
  const y = (await compiled.run(x)).get(node) ?? new Float32Array();
  const shape = compiled.shapes.get(node) ?? [];
  await compiled.release();
  if (shape.length !== 3 || isLast(output?.axes) === isLast(input?.axes)) return y;
  const [h = 1, w = 1, c = 1] = shape;
  const places = h * w;
  // between [n, c, places] and [n, places, c]
  const [rows, columns] = layout === 'NCHW' ? [c, places] : [places, c];
  return y.map((_, i) => {
    const [n, rest] = [Math.floor(i / (rows * columns)), i % (rows * columns)];
    return y[n * rows * columns + (rest % rows) * columns + Math.floor(rest / rows)] ?? 0;
  });
}

export interface Comparison {
  readonly net: OnnxNet;
  /** The largest difference, as a share of the largest output. */
  readonly difference: number;
}

/** Reads a model and compares it with onnxruntime on two random examples. */
export async function compared(model: OnnxModel, o: FromOnnxOptions = {}): Promise<Comparison> {
  const net = fromOnnx(encodeModel(model), o);
  const dims = (model.inputs[0]?.shape ?? []).map((dim) => (typeof dim === 'number' ? dim : 2));
  const x = noise(
    dims.reduce((n, dim) => n * dim, 1),
    'x',
  ).map((v) => 3 * v);
  const expected = await theirs(model, x, dims);
  const got = await ours(net, x);
  if (got.length !== expected.data.length)
    throw new Error(`${got.length} values in place of ${expected.data.length}, ${expected.dims.join(' x ')}`);
  const scale = expected.data.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-20);
  const far = expected.data.reduce((most, v, i) => Math.max(most, Math.abs(v - (got[i] ?? Number.NaN))), 0);
  return { net, difference: got.some(Number.isNaN) ? Number.NaN : far / scale };
}

/** The kinds of a net's ops, in order, without the input. */
export const kindsOf = ({ graph }: Net): string =>
  graph.nodes
    .flatMap(({ op: { kind, ...rest } }) =>
      kind === 'input' ? [] : 'fn' in rest ? [`${kind} ${rest.fn}`] : [kind],
    )
    .join(', ');
export const valuesOf = (net: Net, key: `${string}:kernel` | `${string}:bias`): readonly number[] => {
  const weight = net.weights.get(key);
  return weight ? Array.from(materialize(weight)) : [];
};

/** A model of maps, and what it is read as. */
export interface Case {
  readonly of: string;
  readonly model: OnnxModel;
  /** The kinds of its ops. */
  readonly as?: string;
}
const map = ['n', 4, 7, 6] as const;
export const one = (
  of: string,
  nodes: readonly OnnxNode[],
  constants: readonly OnnxTensor[] = [],
  as?: string,
  opset?: number,
): Case => ({ of, model: modelOf(map, nodes, constants, opset), ...(as === undefined ? {} : { as }) });
export const number = (name: string, value: number): OnnxTensor => real(name, [], [value]);

/** A test for each case. */
export function testCases(groups: Readonly<Record<string, readonly Case[]>>): void {
  for (const [title, cases] of Object.entries(groups)) {
    describe(title, () => {
      for (const { of, model, as } of cases) {
        it(of.trim(), async () => {
          const { net, difference } = await compared(model);
          expect(difference).to.be.below(3e-6);
          if (as !== undefined) expect(kindsOf(net)).to.equal(as);
        });
      }
    });
  }
}
