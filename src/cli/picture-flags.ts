/** @file What commands that read pictures share: the flag for damaged files. */
import { note } from './say.ts';

export const skipHelp =
  'leave out pictures that are empty or damaged, each named on stderr (default: end at the first one)';

/** How pictures are read by the flags of a command. */
export const picturesBy = ({ skipDamaged = false }: { readonly skipDamaged?: boolean }) => ({
  damaged: skipDamaged ? ('skip' as const) : ('refuse' as const),
  onSkip: note,
});
