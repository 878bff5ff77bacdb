/**
 * @file Compares what other runtimes and tools make of our ONNX files with onnxruntime: `npm run references -- onnx-runtimes
 * [--random 200] [--only openvino,MNN] [--write]`. Every architecture, small, with shaken norms, and random graphs over all ops; the
 * largest difference is in units of the largest output. MOONLET_PYTHON names a Python with onnx, onnxruntime and some of openvino, MNN,
 * onnxslim, onnxsim and onnx2torch. --write writes the table of docs/guides/deploy-node.md.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as ort from 'onnxruntime-node';
import { get, item } from '../../src/access.ts';
import { print } from '../../src/cli/say.ts';
import { toOnnx } from '../../src/export/index.ts';
import { MoonletError, suggestion, UsageError } from '../../src/errors.ts';
import { readText, writeAtomically } from '../../src/files/index.ts';
import { type Graph, inputShape, sizeOf } from '../../src/graph/index.ts';
import { arbitraryGraph } from '../../test/support/arbitrary-graph.ts';
import { largestDifference, noise, shaken, smallZoo } from '../../test/support/nets.ts';
import { fc } from '../../test/support/property.ts';
import { marks, remarked, table } from '../lib/markdown.ts';

const { values: flags } = parseArgs({
  options: {
    random: { type: 'string', default: '200' },
    only: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const batch = 2;
const page = 'docs/guides/deploy-node.md';
const known = ['openvino', 'MNN', 'onnxslim', 'onnxsim', 'onnx2torch'];
const tools = flags.only?.split(',') ?? known;
const unknown = tools.find((tool) => !known.includes(tool));
if (unknown !== undefined) throw new UsageError(`--only: no "${unknown}".${suggestion(unknown, known)}`);
if (!/^\d+$/.test(flags.random))
  throw new UsageError(`--random must be a whole number, got "${flags.random}"`);

/** What one tool made of one file. */
interface Answer {
  readonly net: string;
  readonly difference?: number;
  readonly error?: string;
}

type Level = 'disabled' | 'all';
type Values = ReadonlyMap<string, ort.Tensor>;
const floatsOf = (values: Values, name: string): Float32Array =>
  Float32Array.from(get(values, name).data as Float32Array);

async function computed(bytes: Uint8Array, x: Float32Array, dims: readonly number[], level: Level) {
  const session = await ort.InferenceSession.create(bytes, { graphOptimizationLevel: level });
  const input = item(session.inputNames, 0);
  const values: Values = new Map(
    Object.entries(await session.run({ [input]: new ort.Tensor('float32', x, dims) })),
  );
  await session.release();
  return { input, values };
}

/**
 * Writes a net, an input and what onnxruntime computes without its optimizations. Where these alone move an output by 1e-4, other weights
 * are drawn, up to four times: such a net would multiply any rounding. Undefined where it always does.
 */
async function writeCase(
  folder: string,
  name: string,
  graph: Graph,
  nth: number,
  draw = 0,
): Promise<object | undefined> {
  const bytes = toOnnx(shaken(graph, nth + 1000 * draw, true), { layout: 'NCHW', batch });
  const shape = inputShape(graph);
  const [h = 1, w = 1, c = 1] = shape;
  const dims = shape.length === 3 ? [batch, c, h, w] : [batch, ...shape];
  const x = noise(batch * sizeOf(shape), `${name}, ${nth}, ${draw}`);
  const [plain, optimized] = [
    await computed(bytes, x, dims, 'disabled'),
    await computed(bytes, x, dims, 'all'),
  ];
  const names = [...plain.values.keys()];
  const moved = names.map((id) =>
    largestDifference(floatsOf(optimized.values, id), floatsOf(plain.values, id)),
  );
  if (Math.max(...moved) > 1e-4) return draw < 4 ? writeCase(folder, name, graph, nth, draw + 1) : undefined;
  writeFileSync(join(folder, `${name}.onnx`), bytes);
  writeFileSync(join(folder, `${name}.x`), new Uint8Array(x.buffer));
  const outputs = names.map((id, i) => {
    writeFileSync(join(folder, `${name}.${i}`), new Uint8Array(floatsOf(plain.values, id).buffer));
    return { name: id, dims: get(plain.values, id).dims };
  });
  return { name, input: plain.input, dims, outputs };
}

const folder = mkdtempSync(join(tmpdir(), 'moonlet-runtimes-'));
try {
  const random = fc.sample(arbitraryGraph(), { numRuns: Number(flags.random), seed: 1 });
  const all = [
    ...smallZoo().map((graph) => [graph.name.replaceAll(/[^\w.-]+/g, '_'), graph] as const),
    ...random.map((graph, i) => [`random-${i}`, graph] as const),
  ];
  const cases: object[] = [];
  for (const [i, [name, graph]] of all.entries()) {
    const one = await writeCase(folder, name, graph, i);
    if (one) cases.push(one);
    else print(`${name}: not compared, since it multiplies any rounding`);
  }
  writeFileSync(join(folder, 'cases.json'), JSON.stringify(cases));
  const rows = tools.flatMap((tool) => {
    const row = compared(tool);
    print(row ? row.join('  ') : `${tool}: not installed`);
    return row ? [row] : [];
  });
  const text = table([['', 'nets', 'within 1e-3', 'others', 'refused for'], ...rows], [0, 3, 4]);
  if (flags.write && rows.length < known.length)
    throw new MoonletError(
      `not written, since only ${rows.length} of ${known.length} were asked and installed`,
    );
  if (flags.write)
    writeAtomically(page, remarked(readText(page), marks('scripts/reference/onnx-runtimes.ts'), text));
} finally {
  rmSync(folder, { recursive: true });
}

/** The row of a tool; undefined where it is not installed. */
function compared(tool: string): string[] | undefined {
  const python = process.env['MOONLET_PYTHON'] ?? 'python3';
  const script = join('scripts', 'reference', 'onnx_runtimes.py');
  const { status } = spawnSync(python, [script, folder, tool], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status === 3) return undefined;
  if (status !== 0) throw new Error(`${tool}: ended with ${status}`);
  const { version, answers } = JSON.parse(readFileSync(join(folder, `${tool}.json`), 'utf8')) as {
    readonly version: string;
    readonly answers: readonly Answer[];
  };
  const right = answers.filter(({ difference }) => difference !== undefined && difference < 1e-3);
  const others = answers.filter(({ difference }) => difference !== undefined && !(difference < 1e-3));
  const refused = new Map<string, number>();
  for (const { error } of answers) {
    if (error === undefined) continue;
    const reason = /operation_type='(\w+)'/.exec(error)?.[1] ?? error; // onnx2torch names the op that it lacks
    refused.set(reason, (refused.get(reason) ?? 0) + 1);
  }
  return [
    `${tool} ${version}`,
    String(answers.length),
    String(right.length),
    others.map(({ net, difference = 0 }) => `${net} ${difference.toExponential(0)}`).join(', '),
    [...refused].map(([reason, n]) => `${n}: ${reason}`).join(', '),
  ];
}
