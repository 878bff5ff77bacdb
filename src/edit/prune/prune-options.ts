/** @file The options of channel pruning, and their checks. */
import {
  aboveZero,
  belowOne,
  type Checks,
  callback,
  flag,
  inside,
  listOf,
  map,
  names,
  oneOf,
  recordOf,
  share,
  whole,
} from '../options.ts';
import { type Evidence, type Importance, importances, type Scores } from './importance.ts';

export const pruneScopes = ['layer', 'isomorphic', 'global'] as const;
export type PruneScope = (typeof pruneScopes)[number];

export interface PruneOptions extends Evidence {
  /** How channels are scored, by default by the L2 norm of their filters; or a Map of scores by class (see `channels`). */
  readonly by?: Importance | Scores;
  /**
   * `layer` (by default) removes the same share of every layer, `global` the least important channels of the net, and
   * `isomorphic` the same share of all layers that are built alike into the net, the least important channels of them first
   * (Fang et al. 2024, arXiv:2407.04616). Where layers are compared, scores that depend on a layer's size are divided by
   * their mean over the layer.
   */
  readonly scope?: PruneScope;
  /**
   * Widths that change become multiples of it; a layer that has no such width stays as it is. 8 by default, or 1 when no
   * layer of the net has such a width: onnxruntime's convs process channels in blocks of 8 or 16, and a net with other
   * widths may take several times as long in spite of fewer multiply-adds. 1 removes exactly the least important channels.
   */
  readonly roundTo?: number;
  /** The largest share of its channels that a layer may lose; 0.9 by default. */
  readonly most?: number;
  /** A ratio for some layers, by name or glob; the others stay as they are. */
  readonly ratios?: Readonly<Record<string, number>>;
  /** Names of what may be pruned: variables, layers, or globs such as `stage2/**`; all by default. */
  readonly only?: readonly string[];
  readonly except?: readonly string[];
  /** Whether a class may be removed; every class by default. */
  readonly may?: (id: number) => boolean;
  /**
   * Whether channels may go that a norm over channels reads (layer norm, response norm). Without them its means are others,
   * so that the pruned net no longer computes what the masked net does: train it afterwards. False by default.
   */
  readonly acrossNorms?: boolean;
  /** Whether a grouped conv (by node id) loses whole groups, instead of the same number of channels in each group. */
  readonly byGroups?: (node: string) => boolean;
}

/** The default of `roundTo`: the smallest block of channels in onnxruntime's convs. */
export const blockWidth = 8;

export const pruneChecks: Checks<PruneOptions> = {
  by: {
    words: `one of ${importances.join(', ')}, or a Map of scores by class`,
    // an unknown name gets an error of its own, with the nearest known one
    holds: (v) => typeof v === 'string' || v instanceof Map,
  },
  scope: oneOf(...pruneScopes),
  roundTo: whole(1),
  most: share,
  ratios: recordOf(belowOne),
  only: names,
  except: names,
  may: callback,
  acrossNorms: flag,
  byGroups: callback,
  gradients: listOf(map),
  energies: map,
};

/** How strongly to prune: a share of the channels (of all layers or by layer), or an upper bound of the net's cost. */
export type PruneTarget =
  | { readonly ratio: number }
  | { readonly ratios: Readonly<Record<string, number>> }
  | { readonly macs: number }
  | { readonly params: number };

export const targetChecks = {
  ratio: inside,
  ratios: recordOf(belowOne),
  macs: aboveZero,
  params: aboveZero,
} as const;
