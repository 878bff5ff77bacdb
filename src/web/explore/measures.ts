/** @file The axes of the chart: what a net costs, and how accurate it is. */
import type { Entry } from '../catalogue.ts';
import { bytes, milliseconds, percent, short } from '../parts/format.ts';

export type MeasureId = 'params' | 'macs' | 'bytes' | 'peakBytes' | 'latency';
export interface Measure {
  readonly id: MeasureId;
  readonly name: string;
  readonly axis: string;
  of(entry: Entry, latencies: ReadonlyMap<string, number>): number | undefined;
  text(value: number): string;
}

const from = (id: 'params' | 'macs' | 'bytes' | 'peakBytes') => (entry: Entry) => entry[id];
export const measures: readonly Measure[] = [
  { id: 'params', name: 'parameters', axis: 'parameters', of: from('params'), text: short },
  { id: 'macs', name: 'multiply-adds', axis: 'multiply-adds for one image', of: from('macs'), text: short },
  { id: 'bytes', name: 'bytes', axis: 'bytes of weights', of: from('bytes'), text: bytes },
  {
    id: 'peakBytes',
    name: 'peak memory',
    axis: 'peak bytes of values, one image',
    of: from('peakBytes'),
    text: bytes,
  },
  {
    id: 'latency',
    name: 'latency here',
    axis: 'latency in this browser, one image, one thread',
    of: ({ id }, latencies) => latencies.get(id),
    text: milliseconds,
  },
];
export const measureNamed = (id: string | null): Measure =>
  measures.find((m) => m.id === id) ?? (measures[1] as Measure);

/** The entries that no other one beats in both: cheaper or as cheap, and more accurate. */
export function front(
  points: readonly { readonly entry: Entry; readonly x: number; readonly accuracy: number }[],
): ReadonlySet<string> {
  const best = new Set<string>();
  let most = Number.NEGATIVE_INFINITY;
  for (const { entry, accuracy } of [...points].sort((a, b) => a.x - b.x || b.accuracy - a.accuracy)) {
    if (accuracy <= most) continue;
    most = accuracy;
    best.add(entry.id);
  }
  return best;
}

/** Colour of the dataset of an entry. */
export const colorOf = ({ data }: Pick<Entry, 'data'>): string =>
  data === 'mnist'
    ? 'var(--mnist)'
    : data?.startsWith('fashion-mnist')
      ? 'var(--fashion)'
      : data === 'imagenet'
        ? 'var(--imagenet)'
        : 'var(--alone)';

export const accuracyText = ({ accuracy }: Entry): string =>
  accuracy === undefined ? '' : percent(accuracy);
