/**
 * @file Net2WiderNet on any graph. Chen, Goodfellow and Shlens, ICLR 2016, arXiv:1511.05641, section 3.1.
 *
 * Channels are copied, and every consumer splits its weights among the copies. The paper halves them and adds noise to
 * break the symmetry; here the shares are random and sum to one, which breaks it exactly. It preserves the function in
 * inference and in training (copies have the statistics of their originals), dropout aside, which draws anew.
 */

import { channels } from '../../graph/index.ts';
import type { Net } from '../../weights/index.ts';
import { chooseCopies } from '../channels/copies.ts';
import { type WidenOptions, widenChecks, withCopies } from '../channels/copy-channels.ts';
import type { Growth } from '../channels/growth.ts';
import { requestsOf } from '../channels/requests.ts';
import type { Width } from '../channels/width.ts';
import { checkNet, checkOptions } from '../options.ts';

/** One or several places and their widths; see `request` for what a place may be. */
export type Widths = Readonly<Record<string, Width>>;

/**
 * Widen what the names mean: `widen(net, { 'stage1': 'x1.5', 'stage2/0/first': 48 })`.
 * @throws UsageError for unknown names, Refusal for what cannot change or does not share evenly.
 */
export function widen(net: Net, widths: Widths, o: WidenOptions = {}): Growth {
  checkNet('widen', net);
  checkOptions('widen', o, widenChecks);
  const all = channels(net.graph, o.byGroups ? { byGroups: o.byGroups } : {});
  return withCopies('widen', net, chooseCopies(all, requestsOf(net.graph, all, widths), o.seed ?? 0), o);
}
