/** @file The nets as a table that can be sorted. */
import { useState } from 'preact/hooks';
import type { Entry } from '../catalogue.ts';
import { Empty } from '../parts/notes.tsx';
import { accuracyText, colorOf, type Measure } from './measures.ts';

interface Props {
  readonly entries: readonly Entry[];
  readonly measure: Measure;
  readonly latencies: ReadonlyMap<string, number>;
  readonly selected: readonly string[];
  onSelect(entry: Entry): void;
}
type Column = 'name' | 'cost' | 'accuracy';

export function NetList({ entries, measure, latencies, selected, onSelect }: Props) {
  const [sorting, setSorting] = useState<{ readonly by: Column; readonly isDown: boolean }>({
    by: 'accuracy',
    isDown: true,
  });
  const keyOf = (entry: Entry): number | string =>
    sorting.by === 'name'
      ? entry.label
      : sorting.by === 'cost'
        ? (measure.of(entry, latencies) ?? -1)
        : (entry.accuracy ?? -1);
  const sorted = entries.toSorted((a, b) => {
    const [x, y] = [keyOf(a), keyOf(b)];
    return (x < y ? -1 : x > y ? 1 : 0) * (sorting.isDown ? -1 : 1);
  });
  const head = (by: Column, name: string, isNumber = true) => (
    <th
      class={isNumber ? 'number' : ''}
      aria-sort={sorting.by === by ? (sorting.isDown ? 'descending' : 'ascending') : 'none'}
    >
      <button
        type="button"
        onClick={() => setSorting({ by, isDown: sorting.by === by ? !sorting.isDown : by !== 'name' })}
      >
        {name}
        <span aria-hidden="true">{sorting.by === by ? (sorting.isDown ? '↓' : '↑') : ''}</span>
      </button>
    </th>
  );
  if (!entries.length) return <Empty>No net fits the filter.</Empty>;
  return (
    <div class="scroll list" tabIndex={0} role="region" aria-label="Nets">
      <table>
        <thead>
          <tr>
            {head('name', 'net', false)}
            {head('cost', measure.name)}
            {head('accuracy', 'accuracy')}
          </tr>
        </thead>
        <tbody>
          {sorted.map((entry) => {
            const cost = measure.of(entry, latencies);
            return (
              <tr key={entry.id} aria-selected={selected.includes(entry.id)}>
                <td>
                  <button type="button" class="link" onClick={() => onSelect(entry)}>
                    <i class="dot" style={{ background: colorOf(entry) }} />
                    {entry.label}
                    {entry.block ? <span class="muted"> {entry.block}</span> : null}
                  </button>
                </td>
                <td class="number">{cost === undefined ? '' : measure.text(cost)}</td>
                <td class="number">{accuracyText(entry)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
