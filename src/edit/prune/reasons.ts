/** @file Why no channel of a net can be removed, and which option to change. */
import type { Channels, Variable } from '../../graph/index.ts';
import type { Obstacle, Path } from './path.ts';

/** The options that can leave nothing to remove. */
export interface Requested {
  /** Classes that the options `only` and `except` allow. */
  readonly chosen: ReadonlySet<number>;
  /** Classes that stay because a norm over channels or an attention reads them, and why. */
  readonly kept: ReadonlyMap<number, string>;
  readonly roundTo: number;
  readonly most: number;
  readonly ratios: Readonly<Record<string, number>> | undefined;
}

/** The reason, for an error. `found` are the paths of all components with a channel that may be removed. */
export function whyNothingGoes(all: Channels, found: readonly Path[], o: Requested): string {
  if (!found.length) return whyNothingIsFree(all, o);
  if (found.some((p) => p.moves.length)) return 'every layer that the ratios name has the ratio 0';
  const [first, ...others] = found;
  const layers = named(found.flatMap((p) => p.variables));
  const same = others.every((p) => p.obstacle === first?.obstacle);
  const reasons = [...new Set(found.flatMap((p) => p.obstacle ?? []))].map((obstacle) =>
    reasonFor(obstacle, found, o),
  );
  return `no channel of ${layers} can be removed, since ${same ? reasons[0] : reasons.join('; or ')}`;
}

function reasonFor(obstacle: Obstacle, found: readonly Path[], { roundTo, most }: Requested): string {
  const paths = found.filter((p) => p.obstacle === obstacle);
  const widths = [...new Set(paths.flatMap((p) => p.variables.map((v) => v.width)))].sort((a, b) => a - b);
  switch (obstacle) {
    case 'single':
      return 'a layer keeps at least one channel';
    case 'most':
      return `most = ${most} of ${widths.join(', ')} channels is less than the fewest that can be removed together; choose a larger most`;
    case 'rounding':
      return `no width of ${widths.join(', ')} can become a multiple of ${roundTo}; choose a smaller roundTo`;
    case 'ties':
      return 'no choice of them leaves its groups equal';
  }
}

function whyNothingIsFree({ variables, frozen }: Channels, { chosen, kept }: Requested): string {
  const included = variables.filter((v) => v.classes.some((id) => chosen.has(id)));
  if (!included.length)
    return variables.length
      ? 'the options "only" and "except" leave no layer'
      : 'there is no layer of weights';
  const norm = included.flatMap((v) => [...v.classes].flatMap((id) => kept.get(id) ?? []))[0];
  if (norm !== undefined)
    return `no channel of ${named(included)} can be removed, since ${norm}; allow that with acrossNorms, and train afterwards`;
  const isFree = included.some((v) => v.classes.some((id) => chosen.has(id) && !frozen.has(id)));
  if (isFree) return 'the option "may" allows none of the channels';
  const [reason] = included.flatMap((v) => v.frozen ?? []);
  return `no channel of ${named(included)} can be removed, since ${reason}`;
}

/** The first three names. */
const named = (variables: readonly Variable[]): string =>
  `${variables
    .slice(0, 3)
    .map((v) => v.name)
    .join(', ')}${variables.length > 3 ? ', ...' : ''}`;
