/** @file What channel pruning can be asked for, and the checks of it. */
import {
  aboveZero,
  belowOne,
  type Checks,
  callback,
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

export interface PruneOptions extends Evidence {
  /** How channels are scored; by the L2 norm of their filters unless told. Or scores by class (see `channels`). */
  readonly by?: Importance | Scores;
  /**
   * `layer` takes the same share everywhere (unless told), `global` the least important ones wherever they are. Scores
   * that depend on a layer's size are then divided by their layer's mean.
   */
  readonly scope?: 'layer' | 'global';
  /**
   * Widths end as multiples of it; where a width never does, the layer stays. By default multiples of 8, or of 1 where no
   * layer of the net can have such: onnxruntime's convs take channels in blocks of 8 or 16, and a net with other widths
   * may have fewer multiply-adds and take several times as long. 1 takes exactly the least important channels.
   */
  readonly roundTo?: number;
  /** The largest share of its channels that a layer may lose; 0.9 unless told. */
  readonly most?: number;
  /** A ratio for each of some layers, by name or glob; the others stay. Then strength 1 means these ratios. */
  readonly ratios?: Readonly<Record<string, number>>;
  /** Names of what may be pruned: variables, layers, or globs such as `stage2/**`; all unless told. */
  readonly only?: readonly string[];
  readonly except?: readonly string[];
  /** Which classes may go, besides; all unless told. */
  readonly may?: (id: number) => boolean;
  /** Grouped convs (by node id) that lose whole groups instead of the same number in each. */
  readonly byGroups?: (node: string) => boolean;
}

/** The multiple that widths are rounded to by default: the smallest block of channels of onnxruntime's convs. */
export const blockWidth = 8;

export const pruneChecks: Checks<PruneOptions> = {
  by: {
    words: `one of ${importances.join(', ')}, or a Map of scores by class`,
    // a text that is no way to score is refused with the nearest one
    holds: (v) => typeof v === 'string' || v instanceof Map,
  },
  scope: oneOf('layer', 'global'),
  roundTo: whole(1),
  most: share,
  ratios: recordOf(belowOne),
  only: names,
  except: names,
  may: callback,
  byGroups: callback,
  gradients: listOf(map),
  energies: map,
};

/** How strongly to prune. */
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
