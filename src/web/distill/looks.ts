/** @file The names and colours of the two runs. */
import type { Who } from './runs.ts';

export const looks: Readonly<Record<Who, { readonly name: string; readonly color: string }>> = {
  taught: { name: 'with teacher', color: 'var(--accent)' },
  alone: { name: 'without', color: 'var(--alone)' },
};
