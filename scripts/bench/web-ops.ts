/**
 * @file Times single ops of onnxruntime-web on one thread in Node: the measurements behind the forms that are lowered where onnxruntime has
 * no blocked kernels. Prints the least of some runs, less that of the same graph without the ops, which copies the inputs.
 *
 *   npx tsx scripts/bench/web-ops.ts [--only TEXT] [--rounds 30]
 */
import { parseArgs } from 'node:util';
import { env, InferenceSession, Tensor } from 'onnxruntime-web/wasm';
import { print } from '../../src/cli/say.ts';
import { newWriter, type Writer } from '../../src/jit/lower/writer.ts';
import { encodeModel, float, int, ints } from '../../src/onnx/index.ts';
import { random } from '../../src/random.ts';

const { values: flags } = parseArgs({
  options: { only: { type: 'string', default: '' }, rounds: { type: 'string', default: '30' } },
});
env.wasm.numThreads = 1;

interface Case {
  readonly name: string;
  readonly inputs: readonly (readonly number[])[];
  /** Writes the ops and gives the name of their result. */
  write(w: Writer, names: readonly string[]): string;
}

const image = [64, 32, 14, 14];
const [zero, six] = [0, 6];

/** An affine map before an op makes it overwrite its operand, since nothing else reads it. */
function mapped(w: Writer, name: string): string {
  const channel = (value: number): string => w.constant(new Float32Array(32).fill(value), [32], 'float32');
  const parts = [channel(1), channel(0.01), channel(0.02), channel(1)];
  return w.emit1('BatchNormalization', [name, ...parts], { epsilon: float(1e-3) });
}
const overwriting = (name: string, write: (w: Writer, x: string) => string): Case => ({
  name: `overwriting: ${name}`,
  inputs: [image],
  write: (w, [x = '']) => write(w, mapped(w, x)),
});
const number = (w: Writer, value: number): string => w.scalar(value, 'float32');

const window = (kernel: number, groups: number, stride = 1) => ({
  kernel_shape: ints([kernel, kernel]),
  pads: ints([1, 1, 1, 1]),
  strides: ints([stride, stride]),
  group: int(groups),
});
/** A depthwise conv of a square image, the products that take its place, and those of its filter gradient; `bands` divide the rows of y. */
const depthwise = (size: number, channels: number, stride: number, bands: number): Case[] => {
  const images = 64;
  const out = Math.ceil(size / stride);
  const outs = out / bands;
  const ins = bands === 1 ? size : (outs - 1) * stride + 3;
  const named = (what: string, inputs: Case['inputs'], write: Case['write']): Case => ({
    name: `depthwise ${size}x${size}, stride ${stride}: ${what}`,
    inputs,
    write,
  });
  const rows = {
    kernel_shape: ints([3, 1]),
    pads: ints([1, 0, 1, 0]),
    strides: ints([stride, 1]),
    group: int(channels * bands),
  };
  const indices = Array.from({ length: bands * ins }, (_, i) =>
    Math.min(size - 1, Math.floor(i / ins) * outs * stride + (i % ins)),
  );
  const image = [channels, size, size, images];
  return [
    named(
      'conv',
      [
        [images, channels, size, size],
        [channels, 1, 3, 3],
      ],
      (w, names) => w.emit1('Conv', names, window(3, channels, stride)),
    ),
    named(
      'product of places',
      [
        [channels, out * out, size * size],
        [channels, size * size, images],
      ],
      (w, names) => w.emit1('MatMul', names),
    ),
    named(
      `conv of rows, ${bands} bands`,
      [image, [channels * bands * outs, ins, 3, 1]],
      (w, [x = '', k = '']) => {
        const inBands = bands === 1 ? x : w.emit1('Gather', [x, w.longs(indices)], { axis: int(1) });
        return w.emit1('Conv', [w.reshape(inBands, [1, channels * bands * ins, size, images]), k], rows);
      },
    ),
    named(
      `filter gradient of rows, ${bands} bands`,
      [
        [channels * bands, outs, out * images],
        [channels * bands, ins * 3, out * images],
      ],
      (w, names) => w.emit1('FusedMatMul', names, { transB: int(1) }, 'com.microsoft'),
    ),
  ];
};

const cases: readonly Case[] = [
  overwriting('nothing', (_, x) => x),
  overwriting('Relu', (w, x) => w.emit1('Relu', [x])),
  overwriting('Clip', (w, x) => w.emit1('Clip', [x, number(w, zero), number(w, six)])),
  overwriting('HardSigmoid', (w, x) => w.emit1('HardSigmoid', [x])),
  overwriting('LeakyRelu', (w, x) => w.emit1('LeakyRelu', [x])),
  overwriting('Max', (w, x) => w.emit1('Max', [x, number(w, zero)])),
  overwriting('Max, then Min', (w, x) =>
    w.emit1('Min', [w.emit1('Max', [x, number(w, zero)]), number(w, six)]),
  ),
  overwriting('Max, then Sign', (w, x) => w.emit1('Sign', [w.emit1('Max', [x, number(w, zero)])])),
  overwriting('PRelu', (w, x) => w.emit1('PRelu', [x, w.splat(0.1, [1], 'float32')])),
  overwriting('Mul', (w, x) => w.emit1('Mul', [x, number(w, six)])),
  {
    name: 'sum of each channel: ReduceSum',
    inputs: [image],
    write: (w, [x = '']) => w.emit1('ReduceSum', [x, w.longs([0, 2, 3])]),
  },
  {
    name: 'sum of each channel: GlobalAveragePool',
    inputs: [image],
    write: (w, [x = '']) => w.emit1('GlobalAveragePool', [x]),
  },
  ...depthwise(4, 128, 1, 1),
  ...depthwise(7, 64, 1, 1),
  ...depthwise(14, 32, 1, 1),
  ...depthwise(14, 32, 1, 7),
  ...depthwise(28, 16, 1, 7),
  ...depthwise(14, 32, 2, 1),
  ...depthwise(28, 16, 2, 7),
];

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, dim) => product * dim, 1);

/** A session of the case; `empty` leaves out its ops. */
async function opened({ inputs, write }: Case, empty: boolean): Promise<InferenceSession> {
  const writer = newWriter();
  const names = inputs.map((_, i) => `x${i}`);
  const result = empty ? (names[0] ?? '') : write(writer, names);
  // only the shape leaves, since copying a result would be timed as well
  writer.nodes.push({ opType: 'Shape', inputs: [result], outputs: ['shape'], attributes: {} });
  const model = encodeModel({
    name: 'ops',
    nodes: writer.nodes,
    initializers: [...writer.initializers.values()],
    inputs: inputs.map((shape, i) => ({ name: `x${i}`, dtype: 'float32', shape })),
    outputs: [{ name: 'shape', dtype: 'int64', shape: ['rank'] }],
    domains: { 'com.microsoft': 1 },
  });
  return InferenceSession.create(model, { graphOptimizationLevel: 'disabled', enableMemPattern: false });
}

const runs = [];
for (const one of cases.filter(({ name }) => name.includes(flags.only))) {
  const { normal } = random('web-ops', one.name);
  const feeds = Object.fromEntries(
    one.inputs.map((shape, i) => [
      `x${i}`,
      new Tensor('float32', Float32Array.from({ length: sizeOf(shape) }, normal), [...shape]),
    ]),
  );
  const sessions = [await opened(one, false), await opened(one, true)];
  runs.push({ name: one.name, feeds, sessions, least: [Infinity, Infinity] });
}
for (let round = 0; round < Number(flags.rounds); round++)
  for (const { sessions, feeds, least } of runs)
    for (const [i, session] of sessions.entries()) {
      const start = performance.now();
      await session.run(feeds);
      least[i] = Math.min(least[i] ?? Infinity, performance.now() - start);
    }
for (const { name, least } of runs) {
  const [all = 0, copies = 0] = least;
  print(
    `${Math.max(0, all - copies)
      .toFixed(2)
      .padStart(7)} ms  ${name}`,
  );
}
process.exit(0); // its threads would keep the process
