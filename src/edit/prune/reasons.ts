/** @file Why no channel of a net can go: the reason that is there, and what to change. */
import type { Channels } from '../../graph/index.ts';
import type { Obstacle, Path } from './path.ts';

/** What was asked for, as far as it can stand in the way. */
export interface Asked {
  /** Classes that the options `only` and `except` leave. */
  readonly chosen: ReadonlySet<number>;
  readonly roundTo: number;
  readonly most: number;
  readonly ratios: Readonly<Record<string, number>> | undefined;
}

/** In words, for an error. `found` are the paths of all components that have a channel that may go. */
export function whyNothingGoes(all: Channels, found: readonly Path[], asked: Asked): string {
  if (!found.length) return whyNothingMay(all, asked);
  if (found.some((p) => p.moves.length)) return 'every layer that the ratios name has the ratio 0';
  const [first, ...others] = found;
  const names = found.flatMap((p) => p.variables.map((v) => v.name));
  const layers = names.length > 3 ? `${names.slice(0, 3).join(', ')}, ...` : names.join(', ');
  const same = others.every((p) => p.obstacle === first?.obstacle);
  const reasons = [...new Set(found.flatMap((p) => p.obstacle ?? []))].map((o) => reasonFor(o, found, asked));
  return `no channel of ${layers} can go, since ${same ? reasons[0] : reasons.join('; or ')}`;
}

function reasonFor(obstacle: Obstacle, found: readonly Path[], { roundTo, most }: Asked): string {
  const those = found.filter((p) => p.obstacle === obstacle);
  const widths = [...new Set(those.flatMap((p) => p.variables.map((v) => v.width)))].sort((a, b) => a - b);
  switch (obstacle) {
    case 'single':
      return 'a layer with one channel keeps it';
    case 'most':
      return `most = ${most} of ${widths.join(', ')} channels is less than what can go at once; choose a larger most`;
    case 'rounding':
      return `no width of ${widths.join(', ')} can become a multiple of ${roundTo}; choose a smaller roundTo`;
    case 'ties':
      return 'its groups tie them all';
  }
}

function whyNothingMay({ variables, frozen }: Channels, { chosen }: Asked): string {
  const named = variables.filter((v) => v.classes.some((id) => chosen.has(id)));
  if (!named.length)
    return variables.length
      ? 'the options "only" and "except" leave no layer'
      : 'there is no layer of weights';
  const free = named.some((v) => v.classes.some((id) => chosen.has(id) && !frozen.has(id)));
  if (free) return 'the option "may" allows none of the channels';
  const reasons = [...new Set(named.flatMap((v) => v.frozen ?? []))];
  return `no channel of ${named
    .map((v) => v.name)
    .slice(0, 3)
    .join(', ')} can go, since ${reasons[0]}`;
}
