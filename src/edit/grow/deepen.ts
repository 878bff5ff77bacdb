/**
 * @file Net2DeeperNet on any graph. Chen, Goodfellow and Shlens, ICLR 2016, arXiv:1511.05641, section 3.2, and the
 * residual form, which preserves the function in training as well.
 *
 *   block   another block of the stage's own kind, exact in both modes: a residual block whose branch ends in zeros,
 *           y = x + 0 (its inner weights move from the second step on, once the last ones have moved); a dense layer whose
 *           channels nothing weighs at first; a shuffle unit whose readers take their channels in its output order
 *   branch  a depthwise-separable residual branch that ends in a zero-scaled norm (exact in both modes)
 *   dirac   a conv that passes each channel on, a norm compensated for its eps, and the activation f that the value is the
 *           output of: f(f(x)) = f(x). Exact in inference only, since a norm in training uses the batch's statistics;
 *           without the norm it is exact in both.
 */

import { last } from '../../access.ts';
import { Refusal } from '../../errors.ts';
import { consumers, type Graph, type Node, nodeAt } from '../../graph/index.ts';
import type { Net } from '../../weights/index.ts';
import { type Growth, inSequence, type Preserves } from '../channels/growth.ts';
import {
  type Checks,
  checkNet,
  checkOptions,
  checkValue,
  flag,
  oneOf,
  seed,
  text,
  whole,
} from '../options.ts';
import { insert, insertIn } from './insert.ts';
import { ownBlock, settledBy } from './repeat-block.ts';
import { branch, dirac, type Insertion } from './silent-layers.ts';

export interface DeepenOptions {
  /** By default `block` where the stage has one that fits, else `branch`. */
  readonly kind?: 'block' | 'branch' | 'dirac';
  /** Of the new weights; 0 by default. */
  readonly seed?: number;
  /** Of a dirac: whether a norm follows the conv; true by default. */
  readonly norm?: boolean;
}
const deepenChecks: Checks<DeepenOptions> = { kind: oneOf('block', 'branch', 'dirac'), seed, norm: flag };

/** The graph with `n` more layers behind a place. Needs no weights. @throws as `deepen` does. */
export function deepenGraph(
  graph: Graph,
  where: string,
  n: number,
  o: DeepenOptions = {},
): { readonly graph: Graph; readonly preserves: Preserves } {
  checkArguments(where, n, o);
  let deeper = graph;
  let preserves: Preserves = 'both';
  for (let i = 0; i < n; i++) {
    const place = placeAt(deeper, where);
    const done = insertion(deeper, place, where, o);
    deeper = insertIn(deeper, place, done).graph;
    if (done.preserves !== 'both') preserves = done.preserves;
  }
  return { graph: deeper, preserves };
}

/**
 * Insert `n` layers at the end of a stage or block, or behind a node.
 * @throws Refusal when nothing can be inserted there that preserves the function, with the alternative.
 * @throws UsageError for wrong options; MoonletError for unknown paths.
 * @example
 * import { deepen, init } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * const net = init(wrn({ depth: 16, size: 16 }));
 * const deep = deepen(net, 'stage3', 2);
 * console.log(deep.preserves); // both
 * console.log(deep.added.slice(0, 2)); // [ 'stage3/2/pre/norm', 'stage3/2/pre/act' ]
 */
export function deepen(net: Net, where: string, n = 1, o: DeepenOptions = {}): Growth {
  checkNet('deepen', net);
  checkArguments(where, n, o);
  const once = (now: Net): Growth => {
    const place = placeAt(now.graph, where);
    return insert(now, place, insertion(now.graph, place, where, o), o.seed ?? 0);
  };
  const done: [Growth, ...Growth[]] = [once(net)];
  while (done.length < n) done.push(once(last(done).net));
  return inSequence(done);
}

function checkArguments(where: string, n: number, o: DeepenOptions): void {
  checkValue('deepen', 'the place', where, text);
  checkValue(where, 'the number of layers', n, whole(1, 1000));
  checkOptions('deepen', o, deepenChecks);
}

/** The node that a path means. @throws Refusal when nothing can be put behind it. */
export function placeAt(graph: Graph, where: string): Node {
  const place = nodeAt(graph, where);
  if (graph.outputs.includes(place.id))
    throw new Refusal(`${where}: it is an output, which does not change; deepen a stage before it`);
  if (!consumers(graph).get(place.id)?.length)
    throw new Refusal(`${where}: no node reads its value; deepen another place`);
  return place;
}

function insertion(graph: Graph, place: Node, where: string, o: DeepenOptions): Insertion {
  const settled = settledBy(graph, place.id);
  if (o.kind === 'dirac') return dirac(graph, place, settled, where, o.norm ?? true);
  if (o.kind === 'branch') return branch(graph, place, settled);
  const block = ownBlock(graph, place, where);
  if (!block) {
    if (o.kind !== 'block') return branch(graph, place, settled);
    throw new Refusal(
      `${where}: no block there can be repeated, since none has equal input and output or makes new channels beside its input; use the kind 'branch'`,
    );
  }
  if (!block.map) return block;
  // its readers must take other channels than before, which some refuse
  try {
    insertIn(graph, place, block);
    return block;
  } catch (e) {
    if (!(e instanceof Refusal)) throw e;
    if (o.kind !== 'block') return branch(graph, place, settled);
    throw new Refusal(
      `${where}: one more of its blocks does not fit, since at ${e.message}; use the kind 'branch'`,
    );
  }
}
