/**
 * @file Reorders the channels of a net, in all layers that produce and read them. No channel is added or removed; sums
 * are taken in another order, so that they round differently.
 */
import { Refusal, UsageError } from '../../errors.ts';
import { channels, type Variable } from '../../graph/index.ts';
import { permutation, random } from '../../random.ts';
import type { Net } from '../../weights/index.ts';
import {
  seed as anySeed,
  type Checks,
  checkNet,
  checkOptions,
  checkValue,
  listOf,
  text,
  whole,
} from '../options.ts';
import { positions } from './channel-map.ts';
import { cells } from './copies.ts';
import { rearrange } from './copy-channels.ts';
import type { Growth } from './growth.ts';
import { requestsOf } from './requests.ts';
import type { Arrange } from './rules/rule.ts';

/** The options of `permuteChannels`. */
export interface PermuteOptions {
  /** Of a random order, within channels that no op tells apart; 0 by default. */
  readonly seed?: number;
  /**
   * For each new place of the variable the old place of the channel that moves there; random by default. Where channels
   * move together, as the pieces of a maxout do, places are those of their classes.
   */
  readonly order?: readonly number[];
}

const permuteChecks: Checks<PermuteOptions> = { seed: anySeed, order: listOf(whole(0)) };

/**
 * Put the channels of one or several variables (see `widen` for their names) into another order.
 * @throws UsageError for unknown names and for an order that is no permutation; Refusal when an op tells the channels apart.
 * @example
 * import { init, permuteChannels } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * const net = init(wrn({ depth: 10, size: 16 }));
 * const moved = permuteChannels(net, 'stage1/0/first', { seed: 1 });
 * console.log(moved.preserves); // both
 */
export function permuteChannels(net: Net, where: string, o: PermuteOptions = {}): Growth {
  checkNet('permuteChannels', net);
  checkValue('permuteChannels', 'the place', where, text);
  checkOptions('permuteChannels', o, permuteChecks);
  const { seed = 0, order } = o;
  const all = channels(net.graph);
  const variables = requestsOf(net.graph, all, { [where]: 'x1' }).map((r) => r.variable);
  /** For each class the one that takes its place. */
  const successor = new Map<number, number>();
  const move = (ids: ArrayLike<number>, sources: ArrayLike<number>): void => {
    for (let to = 0; to < ids.length; to++) successor.set(ids[to]!, ids[sources[to]!]!);
  };
  for (const variable of variables) {
    if (order) {
      checkOrder(variable, where, order, variables.length);
      move(variable.classes, order);
    } else {
      for (const [c, cell] of cells(all, variable).entries())
        move(cell, permutation(cell.length, random('permute', seed, variable.name, c)));
    }
  }
  for (const [to, from] of successor) {
    const reason = all.frozen.get(to);
    if (to !== from && reason) throw new Refusal(`${where}: its channels cannot be moved, since ${reason}`);
  }
  return rearrange(net, all, moving(successor, where));
}

function checkOrder({ classes }: Variable, where: string, order: readonly number[], variables: number): void {
  if (variables > 1)
    throw new UsageError(`${where}: it names ${variables} variables; give an order for one at a time`);
  const known = [...order].sort((a, b) => a - b).every((v, i) => v === i);
  if (!known || order.length !== classes.length) {
    throw new UsageError(
      `${where}: its order must name each of 0 to ${classes.length - 1} once, got ${order.length} numbers${known ? '' : ' that do not'}`,
    );
  }
}

/** Each channel is replaced by one of the class that takes its place: the first by the first, and so on. */
const moving =
  (successor: ReadonlyMap<number, number>, where: string): Arrange =>
  (classes) => {
    const places = positions(classes);
    return classes.map((id) => {
      const from = places.get(successor.get(id) ?? id)?.shift();
      if (from === undefined)
        throw new Refusal(
          `${where}: this order moves channels between groups of a conv; move them within their groups`,
        );
      return from;
    });
  };
