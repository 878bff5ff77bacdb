/**
 * @file Net2WiderNet on any graph. Chen, Goodfellow and Shlens, ICLR 2016, arXiv:1511.05641, section 3.1.
 *
 * Channels are copied, and every consumer splits its weights among the copies. The paper halves them and adds noise to
 * break the symmetry. Here the shares are random and sum to one, which breaks it without an error. The function is preserved
 * in inference and in training (copies have the statistics of their originals), except that dropout draws for each copy.
 */
import { channels } from '../../graph/index.ts';
import type { Net } from '../../weights/index.ts';
import { chooseCopies } from '../channels/copies.ts';
import { type WidenOptions, widenChecks, withCopies } from '../channels/copy-channels.ts';
import type { Growth } from '../channels/growth.ts';
import { requestsOf } from '../channels/requests.ts';
import type { Width } from '../channels/width.ts';
import { checkNet, checkOptions } from '../options.ts';

/**
 * Places and their widths. A place is a stage (the width of the value that leaves it), a variable or an alias of one (see
 * `channels`), a node (the width of its value), or a glob over these, such as `stage*`.
 */
export type Widths = Readonly<Record<string, Width>>;

/**
 * Widen the layers that the names mean, each by a factor or to a number of channels. The function is preserved.
 * @throws UsageError for unknown names and wrong options; Refusal for widths that cannot change, or that groups cannot share.
 * @example
 * import { cost, init, widen } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * const net = init(wrn({ depth: 10, size: 16 }));
 * const wide = widen(net, { stage1: 'x1.5', 'stage2/0/first': 48 });
 * console.log(wide.preserves); // both
 * console.log(cost(wide.net.graph).params > cost(net.graph).params); // true
 */
export function widen(net: Net, widths: Widths, o: WidenOptions = {}): Growth {
  checkNet('widen', net);
  checkOptions('widen', o, widenChecks);
  const all = channels(net.graph, o.byGroups ? { byGroups: o.byGroups } : {});
  return withCopies('widen', net, chooseCopies(all, requestsOf(net.graph, all, widths), o.seed ?? 0), o, all);
}
