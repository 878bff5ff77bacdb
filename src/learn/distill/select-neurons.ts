/**
 * @file Selects the neurons that the student learns to mimic. Luo, Zhu, Liu, Wang, Tang, AAAI 2016, section "Neuron
 * selection", equation 3 [161]. A choice y of neurons has the energy of a fully connected graph,
 *
 *   E(y) = sum_i Phi(y_i) + lambda sum_{i<j} Psi(y_i, y_j)
 *
 * Phi(1) = cost - d_i, where d_i is how much of neuron i's variance one of the attributes explains (the best of them);
 * Psi(1, 1) = r_ij^4, r the correlation of two neurons; both are 0 where a neuron is not chosen. Mean field gives each
 * neuron a probability, q_i = sigmoid(-(Phi_i + lambda sum_j Psi_ij q_j) / t), and the choice goes through the neurons by q
 * and takes those that lower the energy.
 *
 * The paper's own Phi and Psi are made for attributes of faces; these have the same two parts, and from lambda = 1 up a
 * neuron is never taken beside its copy.
 */
import { item } from '../../access.ts';
import { MoonletError } from '../../errors.ts';

/** Values of examples by column: `columns[k][n]` is value k of example n. */
export type Columns = readonly ArrayLike<number>[];

export interface SelectOptions {
  /** lambda; 1 by default. */
  readonly lambda?: number;
  /** The share of its variance that must be explained for a neuron to be chosen; 0.1 by default. */
  readonly cost?: number;
}
export interface Selection {
  /** Indices, in order. */
  readonly neurons: readonly number[];
  /** d_i of all neurons. */
  readonly explained: readonly number[];
  readonly energy: number;
}

/**
 * Chooses neurons that attributes explain well and that differ from each other, by mean field (Luo et al. 2016, equation 3).
 * @param neurons a column of values for each neuron, one value an example; `attributes` likewise.
 * @throws MoonletError when no neuron is worth its cost.
 */
export function selectNeurons(neurons: Columns, attributes: Columns, o: SelectOptions = {}): Selection {
  const { lambda = 1, cost = 0.1 } = o;
  const columns = neurons.map(standardized);
  const known = attributes.map(standardized);
  const explained = columns.map((x) => Math.max(0, ...known.map((a) => product(x, a) ** 2)));
  const unary = explained.map((d) => cost - d);
  const together = columns.map((x) => columns.map((y) => product(x, y) ** 4));
  const likely = meanField(unary, together, lambda);
  const order = [...likely.keys()].sort((a, b) => likely[b]! - likely[a]! || a - b);
  const chosen: number[] = [];
  let energy = 0;
  for (const i of order) {
    const pairs = chosen.reduce((sum, j) => sum + item(item(together, i), j), 0);
    const change = unary[i]! + lambda * pairs;
    if (change >= 0) continue;
    chosen.push(i);
    energy += change;
  }
  if (!chosen.length)
    throw new MoonletError(
      `neuron-selection: no neuron has ${cost} of its variance explained by an attribute (the most is ${Math.max(0, ...explained).toFixed(3)}); lower "cost"`,
    );
  return { neurons: chosen.sort((a, b) => a - b), explained, energy };
}

/** q, one neuron after another, while the temperature falls. */
function meanField(
  unary: readonly number[],
  together: readonly (readonly number[])[],
  lambda: number,
): readonly number[] {
  const q = unary.map(() => 0);
  for (let t = 0.5; t > 0.01; t *= 0.8) {
    unary.forEach((phi, i) => {
      let pairs = 0;
      q.forEach((v, j) => {
        if (j !== i) pairs += item(item(together, i), j) * v;
      });
      q[i] = 1 / (1 + Math.exp((phi + lambda * pairs) / t));
    });
  }
  return q;
}

/** Zero mean and length one, so that a product of two is their correlation; zeros where nothing varies. */
function standardized(x: ArrayLike<number>): Float64Array {
  const n = x.length;
  let mean = 0;
  for (let i = 0; i < n; i++) mean += x[i]! / n;
  const centred = Float64Array.from({ length: n }, (_, i) => x[i]! - mean);
  const length = Math.sqrt(product(centred, centred));
  return length > 1e-12 ? centred.map((v) => v / length) : centred.fill(0);
}
const product = (x: Float64Array, y: Float64Array): number => {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * y[i]!;
  return sum;
};
