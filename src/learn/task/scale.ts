/** @file How pixels become inputs. */
import type { Dataset } from '../../data/index.ts';

/** What turns bytes into inputs: x = (byte / 255 - mean) / std. */
export type Scale = Pick<Dataset, 'shape' | 'mean' | 'std'>;
