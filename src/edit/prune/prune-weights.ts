/**
 * @file Single weights set to zero by magnitude. Han et al. 2015, arXiv:1506.02626, section 3: the smallest |w| of each
 * kernel, or of all kernels together, become zero. Shapes stay; `sparse` of src/weights stores the other weights compactly.
 */
import { get } from '../../access.ts';
import { Refusal, suggestion, UsageError } from '../../errors.ts';
import { stagePaths } from '../../graph/index.ts';
import { entries, float, materialize, type Net, type Weight, type WeightKey } from '../../weights/index.ts';
import { globOf } from '../channels/copies.ts';
import { belowOne, type Checks, checkNet, checkOptions, checkValue, oneOf, whereChecks } from '../options.ts';

export interface WeightPruneOptions {
  /** `layer` (by default) zeroes the same share of each kernel, `global` the smallest weights of all kernels. */
  readonly scope?: 'layer' | 'global';
  /** Paths or globs of the layers that may be pruned; all by default. */
  readonly only?: readonly string[];
  readonly except?: readonly string[];
}

export const weightChecks: Checks<WeightPruneOptions> = { scope: oneOf('layer', 'global'), ...whereChecks };

/** The kernels that the options select. @throws UsageError for a name that matches none. */
export function kernelsNamed(
  { graph }: Pick<Net, 'graph'>,
  { only, except = [] }: Pick<WeightPruneOptions, 'only' | 'except'> = {},
): readonly WeightKey[] {
  const all = entries(graph).filter((e) => e.slot === 'kernel');
  const inStages = stagePaths(graph);
  const named = (where: string): readonly string[] => {
    const pattern = globOf(where);
    const matches = (path: string): boolean =>
      pattern ? pattern.test(path) : path === where || path.startsWith(`${where}/`);
    const found = all.filter(({ node }) => matches(node) || matches(inStages.get(node) ?? ''));
    if (found.length) return found.map((e) => e.key);
    const paths = all.flatMap(({ node }) => node.split('/').map((_, i, s) => s.slice(0, i + 1).join('/')));
    throw new UsageError(`${graph.name}: no kernel at "${where}".${suggestion(where, [...new Set(paths)])}`);
  };
  const excluded = new Set(except.flatMap(named));
  const included = only ? new Set(only.flatMap(named)) : undefined;
  return all.flatMap(({ key }) => (excluded.has(key) || included?.has(key) === false ? [] : [key]));
}

/**
 * Set the smallest magnitudes of each array to zero, in place, until the share `sparsity` of it (or, `global`, of all
 * together) is zero. Of equal magnitudes the earlier ones become zero first.
 */
export function zeroSmallest(
  arrays: readonly Float32Array[],
  sparsity: number,
  scope: 'layer' | 'global' = 'layer',
): void {
  if (scope === 'layer') for (const array of arrays) zeroIn([array], sparsity);
  else zeroIn(arrays, sparsity);
}

function zeroIn(arrays: readonly Float32Array[], sparsity: number): void {
  const total = arrays.reduce((n, a) => n + a.length, 0);
  const count = Math.round(sparsity * total);
  if (!count) return;
  const sizes = new Float32Array(total);
  let index = 0;
  for (const array of arrays) for (const w of array) sizes[index++] = Math.abs(w);
  const threshold = Float32Array.from(sizes).sort()[count - 1]!;
  let ties = count - sizes.reduce((n, s) => n + (s < threshold ? 1 : 0), 0);
  for (const array of arrays)
    array.forEach((w, i) => {
      if (Math.abs(w) < threshold || (Math.abs(w) === threshold && ties-- > 0)) array[i] = 0;
    });
}

/**
 * Sets the smallest weights of the kernels to zero until the share `sparsity` (from 0 up, below 1) of them is zero.
 *
 * @throws UsageError for a sparsity out of range and for unknown names; Refusal when the options leave no kernel.
 * @example
 * import { graph, init, input, pruneWeights, sparsityOf } from 'moonlet';
 * const net = init(graph('tiny', input(8, 8, 1).conv(16, { kernel: 3 }).relu().globalPool().dense(4)));
 * sparsityOf(pruneWeights(net, 0.75)); // 0.75
 */
export function pruneWeights(net: Net, sparsity: number, o: WeightPruneOptions = {}): Net {
  checkNet('pruneWeights', net);
  checkValue('pruneWeights', 'the sparsity', sparsity, belowOne);
  checkOptions('pruneWeights', o, weightChecks);
  const keys = kernelsNamed(net, o);
  if (!keys.length)
    throw new Refusal(`${net.graph.name}: the options "only" and "except" leave no kernel to prune`);
  const kernels = keys.map((key) => {
    const { shape } = get(net.weights, key);
    return { key, shape, data: Float32Array.from(materialize(get(net.weights, key))) };
  });
  zeroSmallest(
    kernels.map((k) => k.data),
    sparsity,
    o.scope,
  );
  const weights = new Map<WeightKey, Weight>(net.weights);
  for (const { key, shape, data } of kernels) weights.set(key, float(shape, data));
  return { graph: net.graph, weights };
}

/** The share of zeros in the kernels of a net, from 0 to 1; `keys` selects some of the kernels. */
export function sparsityOf(net: Net, keys: readonly WeightKey[] = kernelsNamed(net)): number {
  let [zeros, total] = [0, 0];
  for (const key of keys) {
    const data = materialize(get(net.weights, key));
    total += data.length;
    zeros += data.reduce((n, w) => n + (w === 0 ? 1 : 0), 0);
  }
  return total ? zeros / total : 0;
}
