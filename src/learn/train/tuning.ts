/**
 * @file Which nodes of a net are trained, and at which share of the learning rate: freezing by part, layer-wise decay of
 * rates, and groups of rates. What stands beside the student (adapters, branches) is trained at the full rate.
 */
import { UsageError } from '../../errors.ts';
import { type Graph, nodesAt, parts } from '../../graph/index.ts';
import { entries } from '../../weights/index.ts';
import { checkNumber } from '../options.ts';

/** Some paths and their share of the learning rate. */
export interface RateGroup {
  /** Parts (`stem`, `stage2`), ranges of them (`stem..stage2`), paths with all below them, or paths with wildcards. */
  readonly paths: readonly string[];
  /** What the learning rate is multiplied by, above 0; to train nothing there, use `freeze`. */
  readonly scale: number;
}
export interface TuningOptions {
  /** Whether the weights of a node are trained; by default all are. */
  readonly trained?: (node: string) => boolean;
  /** Paths that are trained, in the form of `freeze`; the rest is frozen. */
  readonly train?: readonly string[];
  /**
   * Paths that are not trained: parts (`stem`, `stage2`), ranges of them (`stem..stage2`), paths with all below them, or paths with
   * wildcards. Frozen norms normalize by their running statistics, which stay as they are, and frozen dropout does nothing: what
   * is frozen computes what it computes in inference. No gradient is computed below the first node that is trained.
   */
  readonly freeze?: readonly string[];
  /**
   * Layer-wise decay of the learning rate by part: the head is trained at the full rate, the last stage at `layerDecay` times it,
   * the one before at `layerDecay`^2, and so on to the stem (timm's `layer_decay` with one layer for each stage; Clark et al. 2020,
   * arXiv:2003.10555).
   */
  readonly layerDecay?: number;
  /** Shares of the learning rate by path, in place of those of `layerDecay`; where several groups have a node, the last one counts. */
  readonly rates?: readonly RateGroup[];
}
export interface Tuning {
  trained(node: string): boolean;
  /** The node's share of the learning rate. */
  scale(node: string): number;
}

/**
 * The options resolved for a net.
 * @returns undefined when all nodes are trained at the full rate.
 * @throws MoonletError for a path that means no node; UsageError for numbers out of range, or a decay for a net without stages.
 */
export function tuningOf(graph: Graph, o: TuningOptions): Tuning | undefined {
  const { trained, train, freeze, layerDecay, rates } = o;
  if (!trained && !train && !freeze?.length && layerDecay === undefined && !rates?.length) return undefined;
  const moving = train && nodesAt(graph, train, 'train');
  const frozen = nodesAt(graph, freeze ?? [], 'freeze');
  const scales = new Map(layerDecay === undefined ? [] : decayed(graph, layerDecay));
  for (const { paths, scale } of rates ?? []) {
    checkNumber('the scale of "rates"', scale, { above: 0, most: 1e6 });
    for (const id of nodesAt(graph, paths, 'rates')) scales.set(id, scale);
  }
  return {
    trained: (node) => (trained?.(node) ?? true) && (moving?.has(node) ?? true) && !frozen.has(node),
    scale: (node) => scales.get(node) ?? 1,
  };
}

/** The share of each node: decay^(parts above it). */
function decayed(graph: Graph, decay: number): readonly (readonly [string, number])[] {
  checkNumber('layerDecay', decay, { above: 0, most: 1 });
  const all = parts(graph);
  if (all.length < 2)
    throw new UsageError(
      `layerDecay: ${graph.name} has no stages to tell its layers apart; give "rates" with paths of their own`,
    );
  return all.flatMap(({ nodes }, i) => nodes.map((n) => [n.id, decay ** (all.length - 1 - i)] as const));
}

/** What is trained, in words for the user; empty where all is, at one rate. */
export function tuningNotes(graph: Graph, tuning: Tuning | undefined): readonly string[] {
  if (!tuning) return [];
  const weights = entries(graph).filter((e) => e.trained);
  const count = (list: typeof weights): number =>
    list.reduce((n, e) => n + e.shape.reduce((a, b) => a * b, 1), 0);
  const moving = weights.filter((e) => tuning.trained(e.node));
  const notes: string[] = [];
  if (moving.length < weights.length) {
    const still = parts(graph).filter(({ nodes }) => nodes.every((n) => !tuning.trained(n.id)));
    const names = still.length ? ` (frozen: ${still.map((p) => p.name).join(', ')})` : '';
    notes.push(`${thousands(count(moving))} of ${thousands(count(weights))} parameters are trained${names}`);
  }
  const shares = new Set(moving.map((e) => tuning.scale(e.node)));
  if (shares.size > 1 || !shares.has(1))
    notes.push(`shares of the learning rate: ${ratesByPart(graph, tuning)}`);
  return notes;
}
const thousands = (n: number): string => n.toLocaleString('en-US');

/** Such as `stem 0.42, stage1 0.56 to 0.75, head 1`, without what is frozen. */
function ratesByPart(graph: Graph, tuning: Tuning): string {
  const owners = new Set(entries(graph).flatMap((e) => (e.trained ? [e.node] : [])));
  const all = parts(graph);
  const named = all.length ? all : [{ name: graph.name, nodes: graph.nodes }];
  return named
    .flatMap(({ name, nodes }) => {
      const shares = nodes
        .filter((n) => owners.has(n.id) && tuning.trained(n.id))
        .map((n) => tuning.scale(n.id));
      if (!shares.length) return [];
      const [low, high] = [Math.min(...shares), Math.max(...shares)].map(
        (s) => `${Number(s.toPrecision(3))}`,
      );
      return [`${name} ${low === high ? low : `${low} to ${high}`}`];
    })
    .join(', ');
}

/** What of the options a run's numbers depend on, as JSON. */
export function tuningIdentity(
  graph: Graph,
  tuning: Tuning,
): { readonly trained: string; readonly rates: string } {
  const lines = (text: (id: string) => string): string => graph.nodes.map((n) => text(n.id)).join('\n');
  return {
    trained: lines((id) => (tuning.trained(id) ? id : '')),
    rates: lines((id) => `${tuning.scale(id)}`),
  };
}
