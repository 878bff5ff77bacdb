/**
 * @file Single weights set to zero by magnitude. Han et al. 2015, arXiv:1506.02626, section 3: the smallest |w| of each
 * kernel go, or of all kernels together. Shapes stay; `sparse` (of the weights room) stores what is left.
 */
import { Refusal, suggestion, UsageError } from '../../errors.ts';
import { stagePaths } from '../../graph/index.ts';
import { entries, float, materialize, type Net, type Weight, type WeightKey } from '../../weights/index.ts';
import { globOf } from '../channels/copies.ts';
import { belowOne, type Checks, checkNet, checkOptions, checkValue, oneOf, whereChecks } from '../options.ts';

export interface WeightPruneOptions {
  /** `layer` leaves the same share in each kernel (unless told), `global` the largest of all. */
  readonly scope?: 'layer' | 'global';
  /** Paths or globs of the layers that may be pruned; all unless told. */
  readonly only?: readonly string[];
  readonly except?: readonly string[];
}

export const weightChecks: Checks<WeightPruneOptions> = { scope: oneOf('layer', 'global'), ...whereChecks };

/** The kernels that these options name. @throws UsageError for a name that means none. */
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
  const out = new Set(except.flatMap(named));
  const these = only ? new Set(only.flatMap(named)) : undefined;
  return all.flatMap(({ key }) => (out.has(key) || these?.has(key) === false ? [] : [key]));
}

/**
 * Set the smallest magnitudes of each array to zero, in place, until the share `sparsity` of it (or, `global`, of all
 * together) is zero. Of equal magnitudes the earlier ones go first.
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
  let at = 0;
  for (const array of arrays) for (const w of array) sizes[at++] = Math.abs(w);
  const threshold = Float32Array.from(sizes).sort()[count - 1] as number;
  let ties = count - sizes.reduce((n, s) => n + (s < threshold ? 1 : 0), 0);
  for (const array of arrays)
    array.forEach((w, i) => {
      if (Math.abs(w) < threshold || (Math.abs(w) === threshold && ties-- > 0)) array[i] = 0;
    });
}

/**
 * The net with this share of its kernels' weights at zero.
 * @throws UsageError for a share outside 0 to 1, Refusal when there is no kernel.
 */
export function pruneWeights(net: Net, sparsity: number, o: WeightPruneOptions = {}): Net {
  checkNet('pruneWeights', net);
  checkValue('pruneWeights', 'the sparsity', sparsity, belowOne);
  checkOptions('pruneWeights', o, weightChecks);
  const keys = kernelsNamed(net, o);
  if (!keys.length) throw new Refusal(`${net.graph.name}: has no kernel that may be pruned`);
  const weights = new Map<WeightKey, Weight>(net.weights);
  const arrays = keys.map((key) => Float32Array.from(materialize(net.weights.get(key) as Weight)));
  zeroSmallest(arrays, sparsity, o.scope);
  keys.forEach((key, i) => {
    weights.set(key, float((net.weights.get(key) as Weight).shape, arrays[i] as Float32Array));
  });
  return { graph: net.graph, weights };
}

/** The share of zeros in the kernels of a net, or in some of them. */
export function sparsityOf(net: Net, keys: readonly WeightKey[] = kernelsNamed(net)): number {
  let [zeros, total] = [0, 0];
  for (const key of keys) {
    const data = materialize(net.weights.get(key) as Weight);
    total += data.length;
    zeros += data.reduce((n, w) => n + (w === 0 ? 1 : 0), 0);
  }
  return total ? zeros / total : 0;
}
