/** @file What commands that read pictures share: the flags for damaged files and for the memory of decoded ones. */
import { UsageError } from '../errors.ts';
import { note } from './say.ts';

export const skipHelp =
  'leave out pictures that are empty or damaged, each named on stderr (default: end at the first one)';

export const cacheHelp =
  'memory for decoded pictures where random parts of them are taken, such as 512MB or 2GB; 0 decodes all in each epoch (default: 128MB)';

/** How pictures are read by the flags of a command. */
export const picturesBy = ({
  skipDamaged = false,
  cache,
}: {
  readonly skipDamaged?: boolean;
  readonly cache?: string;
}) => ({
  damaged: skipDamaged ? ('skip' as const) : ('refuse' as const),
  onSkip: note,
  ...(cache === undefined ? {} : { cacheBytes: bytesFlag('cache', cache) }),
});

const units: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };
/** The bytes of a text such as `512MB`, `2G` or `0`. @throws UsageError that names the flag. */
export function bytesFlag(name: string, text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?) ?([KMG]?)i?B?$/i.exec(text.trim()) ?? [];
  const bytes = Number(number) * (units[unit.toUpperCase()] ?? Number.NaN);
  if (Number.isFinite(bytes)) return Math.floor(bytes);
  throw new UsageError(`--${name} must be a number of bytes such as 512MB, 2GB or 0, got "${text}"`);
}
