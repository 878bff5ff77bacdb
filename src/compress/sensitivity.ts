/** @file The sensitivity of a net to rounding, measured for one value or kernel at a time. */
import { item } from '../access.ts';
import { type Compiled, compile, type EngineOptions } from '../engine/index.ts';
import { firstInput, type Graph } from '../graph/index.ts';
import type { Net } from '../weights/index.ts';

export type Outputs = Awaited<ReturnType<Compiled['run']>>;

/** What rounding one value or one kernel alone costs. */
export interface Sensitivity {
  /** The rounding node of the value, or the layer of the kernel. */
  readonly id: string;
  /** The squared error of the outputs, as a share of their variance. */
  readonly error: number;
}

/**
 * The rounding nodes of a graph, the most sensitive first. `net` has the graph's layers in floats; `x` holds examples,
 * [n, ...input] flat.
 */
export async function sensitivities(
  net: Net,
  rounded: Graph,
  x: Float32Array,
  engine: EngineOptions = {},
): Promise<readonly Sensitivity[]> {
  const ids = rounded.nodes.filter((n) => n.op.kind === 'quantize').map((n) => n.id);
  const at = (graph: Graph): Net => ({ graph, weights: net.weights });
  const alone = ids.map((id) => {
    const others = new Set(ids.filter((other) => other !== id));
    return { id, net: at(withoutRoundings(rounded, others)) };
  });
  return errorsOf(at(withoutRoundings(rounded, new Set(ids))), alone, x, engine);
}

/** The outputs of a net on examples, [n, ...input] flat. */
export async function outputsOf(net: Net, x: Float32Array, engine: EngineOptions): Promise<Outputs> {
  const runner = await compile(net, engine);
  try {
    return await runner.runMany(x, 8);
  } finally {
    await runner.release();
  }
}

/** The errors of some nets beside one, the largest first. */
export async function errorsOf(
  exact: Net,
  others: readonly { readonly id: string; readonly net: Net }[],
  x: Float32Array,
  engine: EngineOptions = {},
): Promise<readonly Sensitivity[]> {
  const expected = await outputsOf(exact, x, engine);
  const found: Sensitivity[] = [];
  for (const { id, net } of others)
    found.push({ id, error: relativeError(await outputsOf(net, x, engine), expected) });
  return found.sort((a, b) => b.error - a.error);
}

/** The squared error of all outputs, as a share of their variance. */
export function relativeError(got: Outputs, expected: Outputs): number {
  let [error, variance] = [0, 0];
  const outputs = [...got.values()];
  for (const [k, y] of [...expected.values()].entries()) {
    const output = item(outputs, k);
    const mean = y.reduce((sum, v) => sum + v, 0) / y.length;
    for (const [i, v] of y.entries()) {
      error += (output[i]! - v) ** 2;
      variance += (v - mean) ** 2;
    }
  }
  return error / (variance || 1);
}

/** The graph without some of its rounding nodes; their readers read the float value. */
export function withoutRoundings(graph: Graph, ids: ReadonlySet<string>): Graph {
  const source = new Map(graph.nodes.flatMap((n) => (ids.has(n.id) ? [[n.id, firstInput(n)] as const] : [])));
  const real = (id: string): string => {
    const from = source.get(id);
    return from === undefined ? id : real(from);
  };
  const nodes = graph.nodes.filter((n) => !ids.has(n.id)).map((n) => ({ ...n, inputs: n.inputs.map(real) }));
  return { ...graph, nodes, outputs: graph.outputs.map(real) };
}
