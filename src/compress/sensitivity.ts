/** @file The sensitivity of a net to the rounding of each value, measured for one value at a time. */
import { item } from '../access.ts';
import { type Compiled, compile, type EngineOptions } from '../engine/index.ts';
import { firstInput, type Graph } from '../graph/index.ts';
import type { Net } from '../weights/index.ts';

export type Outputs = Awaited<ReturnType<Compiled['run']>>;

/** A rounding node, and the squared error of the outputs when only it rounds, as a share of the outputs' variance. */
export interface Sensitivity {
  readonly id: string;
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
  const outputsOf = async (graph: Graph): ReturnType<Compiled['run']> => {
    const runner = await compile({ graph, weights: net.weights }, engine);
    const values = await runner.runMany(x, 8);
    await runner.release();
    return values;
  };
  const expected = await outputsOf(withoutRoundings(rounded, new Set(ids)));
  const found: Sensitivity[] = [];
  for (const id of ids) {
    const others = new Set(ids.filter((other) => other !== id));
    found.push({ id, error: relativeError(await outputsOf(withoutRoundings(rounded, others)), expected) });
  }
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
