/** @file What the chart shows, and what its axis is. */
import type { Entry } from '../catalogue.ts';
import { shownDatasets } from '../parts/datasets.ts';
import type { Latencies } from './latencies.ts';
import { type Measure, measures } from './measures.ts';

type Kind = Entry['kind'];
export interface Filter {
  readonly text: string;
  readonly kinds: ReadonlySet<Kind>;
  /** One dataset; empty for all. */
  readonly data: string;
}
const kindNames: readonly (readonly [kind: Kind, name: string])[] = [
  ['student', 'students'],
  ['teacher', 'teachers'],
  ['published', 'published'],
  ['architecture', 'architectures'],
];

export const fits = (entry: Entry, { text, kinds, data }: Filter): boolean =>
  kinds.has(entry.kind) &&
  (data === '' || entry.data === data) &&
  `${entry.id} ${entry.words} ${entry.block ?? ''} ${entry.paper?.title ?? ''}`
    .toLowerCase()
    .includes(text.toLowerCase());

interface Props {
  readonly filter: Filter;
  setFilter(filter: Filter): void;
  readonly measure: Measure;
  setMeasure(measure: Measure): void;
  readonly latencies: Latencies;
  readonly shown: readonly Entry[];
}

export function Filters({ filter, setFilter, measure, setMeasure, latencies, shown }: Props) {
  const toggle = (kind: Kind): void => {
    const kinds = new Set(filter.kinds);
    if (!kinds.delete(kind)) kinds.add(kind);
    setFilter({ ...filter, kinds });
  };
  const missing = shown.filter(({ id }) => !latencies.found.has(id));
  return (
    <div class="stack" style={{ marginBottom: '6px' }}>
      <div class="row">
        <div class="segmented" role="group" aria-label="Horizontal axis">
          {measures.map((m) => (
            <button key={m.id} type="button" aria-pressed={m.id === measure.id} onClick={() => setMeasure(m)}>
              {m.name}
            </button>
          ))}
        </div>
        {measure.id === 'latency' ? <Measuring {...{ latencies, missing }} /> : null}
      </div>
      <div class="row">
        <input
          type="search"
          placeholder="Search names and papers"
          aria-label="Search names and papers"
          value={filter.text}
          style={{ flex: '1 1 180px' }}
          onInput={(e) => setFilter({ ...filter, text: e.currentTarget.value })}
        />
        <select
          aria-label="Dataset"
          style={{ maxWidth: '150px' }}
          value={filter.data}
          onChange={(e) => setFilter({ ...filter, data: e.currentTarget.value })}
        >
          <option value="">all datasets</option>
          {shownDatasets.map(([id, name]) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
        {kindNames.map(([kind, name]) => (
          <label key={kind} class="check">
            <input type="checkbox" checked={filter.kinds.has(kind)} onChange={() => toggle(kind)} />
            {name}
          </label>
        ))}
      </div>
    </div>
  );
}

function Measuring({
  latencies,
  missing,
}: {
  readonly latencies: Latencies;
  readonly missing: readonly Entry[];
}) {
  if (latencies.busy)
    return (
      <span class="row">
        <span class="busy" />
        <span class="muted small" role="status">
          {latencies.busy.entry.label}, {latencies.busy.left} left
        </span>
        <button type="button" onClick={latencies.stop}>
          Stop
        </button>
      </span>
    );
  return (
    <>
      <button
        type="button"
        class="primary"
        disabled={!missing.length}
        onClick={() => latencies.measure(missing)}
      >
        {missing.length ? `Measure latency of ${missing.length}` : 'All are measured'}
      </button>
      {latencies.problem ? <span class="bad small">{latencies.problem}</span> : null}
    </>
  );
}
