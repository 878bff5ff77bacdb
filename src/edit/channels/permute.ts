/**
 * @file The same net with its channels in another order: producers make them so, consumers read them so. Nothing is
 * added or lost; sums are taken in another order, which rounds otherwise.
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
import { cells, requestsOf } from './copies.ts';
import { rearrange } from './copy-channels.ts';
import type { Growth } from './growth.ts';
import type { Arrange } from './orders.ts';

export interface PermuteOptions {
  /** Of a random order within what no op tells apart; 0 unless told. */
  readonly seed?: number;
  /**
   * For each new place of the variable the old one whose channel comes there; random unless told. Where channels go
   * together (pieces of a maxout, say), places are those of the classes.
   */
  readonly order?: readonly number[];
}

const permuteChecks: Checks<PermuteOptions> = { seed: anySeed, order: listOf(whole(0)) };

/**
 * Put the channels of one or several variables (see `widen` for their names) into another order.
 * @throws UsageError for unknown names and for what is no order; Refusal when an op tells the channels apart.
 */
export function permuteChannels(net: Net, where: string, o: PermuteOptions = {}): Growth {
  checkNet('permuteChannels', net);
  checkValue('permuteChannels', 'the place', where, text);
  checkOptions('permuteChannels', o, permuteChecks);
  const { seed = 0, order } = o;
  const all = channels(net.graph);
  const variables = requestsOf(net.graph, all, { [where]: 'x1' }).map((r) => r.variable);
  const comes = new Map<number, number>();
  for (const variable of variables) {
    const old = variable.classes;
    if (order) {
      checkOrder(variable, where, order, variables.length);
      order.forEach((from, to) => {
        comes.set(old[to] as number, old[from] as number);
      });
    } else {
      for (const [c, cell] of cells(all, variable).entries()) {
        permutation(cell.length, random('permute', seed, variable.name, c)).forEach((from, to) => {
          comes.set(cell[to] as number, cell[from] as number);
        });
      }
    }
  }
  for (const [to, from] of comes) {
    const reason = all.frozen.get(to);
    if (to !== from && reason) throw new Refusal(`${where}: its channels cannot be moved, since ${reason}`);
  }
  return rearrange(net, all, moving(comes, where));
}

function checkOrder({ classes }: Variable, where: string, order: readonly number[], variables: number): void {
  if (variables > 1)
    throw new UsageError(`${where}: it means ${variables} variables; give an order for one at a time`);
  const known = [...order].sort((a, b) => a - b).every((v, i) => v === i);
  if (!known || order.length !== classes.length) {
    throw new UsageError(
      `${where}: its order must name each of 0 to ${classes.length - 1} once, got ${order.length} numbers${known ? '' : ' that do not'}`,
    );
  }
}

/** Where a channel of a class was, one of the class that comes in its place; the first for the first, and so on. */
const moving =
  (comes: ReadonlyMap<number, number>, where: string): Arrange =>
  (classes) => {
    const at = new Map<number, number[]>();
    classes.forEach((id, i) => {
      const list = at.get(id);
      if (list) list.push(i);
      else at.set(id, [i]);
    });
    return classes.map((id) => {
      const from = at.get(comes.get(id) ?? id)?.shift();
      if (from === undefined)
        throw new Refusal(
          `${where}: this order moves channels between groups of a conv; move them within their groups`,
        );
      return from;
    });
  };
