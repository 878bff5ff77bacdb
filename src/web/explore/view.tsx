/** @file Explore: all nets on one chart, a list to search, and one or two of them to look into. */

import { catalogue } from 'virtual:catalogue';
import { useMemo, useState } from 'preact/hooks';
import type { Entry } from '../catalogue.ts';
import { entryNamed, shownDatasets } from '../parts/datasets.ts';
import { Busy, Note } from '../parts/notes.tsx';
import { addressOf, setQuery, useLoaded } from '../parts/state.ts';
import { Chart } from './chart.tsx';
import { type Filter, Filters, fits } from './filters.tsx';
import { useLatencies } from './latencies.ts';
import { NetList } from './list.tsx';
import { colorOf, measureNamed } from './measures.ts';

export function Explore() {
  const { query } = addressOf();
  const [filter, setFilter] = useState<Filter>({
    text: '',
    kinds: new Set(['student', 'teacher', 'published', 'architecture']),
    data: '',
  });
  const [measure, setMeasure] = useState(measureNamed(query.get('x')));
  const [picked, setPicked] = useState<readonly [Entry | undefined, Entry | undefined]>([
    entryNamed(query.get('net')) ?? entryNamed('fashion-mnist/wrn-16-2-bg24'),
    entryNamed(query.get('with')),
  ]);
  const [target, setTarget] = useState<0 | 1>(0);
  const latencies = useLatencies();
  const shown = useMemo(() => catalogue.entries.filter((entry) => fits(entry, filter)), [filter]);
  const remember = (nets: readonly [Entry | undefined, Entry | undefined], x: string): void => {
    const next = new URLSearchParams({ x });
    if (nets[0]) next.set('net', nets[0].id);
    if (nets[1]) next.set('with', nets[1].id);
    setQuery('explore', next);
  };
  const pick = (nets: readonly [Entry | undefined, Entry | undefined]): void => {
    setPicked(nets);
    remember(nets, measure.id);
  };
  const select = (entry: Entry): void => {
    pick(target === 0 ? [entry, picked[1]] : [picked[0], entry]);
    setTarget(0);
  };
  const selected = picked.flatMap((entry) => entry?.id ?? []);
  return (
    <>
      <header>
        <h1>Explore</h1>
        <p>
          {catalogue.entries.length} nets: students with their teachers, published nets and every architecture
          of the zoo. Cost against accuracy, both on logarithmic scales; dotted lines join the nets that no
          cheaper one beats.
        </p>
      </header>
      <div class="grid">
        <div class="grid explore-top">
          <article class="card" aria-label="Chart">
            <Filters
              {...{ filter, setFilter, measure }}
              setMeasure={(m) => {
                setMeasure(m);
                remember(picked, m.id);
              }}
              latencies={latencies}
              shown={shown}
            />
            <Chart entries={shown} {...{ measure, selected }} latencies={latencies.found} onSelect={select} />
            <Legend />
          </article>
          <article class="card" aria-label="List">
            <NetList
              entries={shown}
              {...{ selected, measure }}
              latencies={latencies.found}
              onSelect={select}
            />
          </article>
        </div>
        {target === 1 ? <Note>Choose the net to compare with, in the chart or in the list.</Note> : null}
        <Picked {...{ picked, pick, target }} latencies={latencies.found} onCompare={() => setTarget(1)} />
      </div>
    </>
  );
}

interface PickedProps {
  readonly picked: readonly [Entry | undefined, Entry | undefined];
  readonly target: 0 | 1;
  readonly latencies: ReadonlyMap<string, number>;
  pick(nets: readonly [Entry | undefined, Entry | undefined]): void;
  onCompare(): void;
}

/** The panels load the architectures, which the chart does not need. */
function Picked(props: PickedProps) {
  const panels = useLoaded(() => import('./pair.tsx'), []);
  if (panels.at === 'failed') return <Note kind="error">{panels.message}</Note>;
  return panels.at === 'done' ? <panels.value.Pair {...props} /> : <Busy text="Loading the architectures" />;
}

const Legend = () => (
  <div class="legend">
    {shownDatasets.map(([data, name]) => (
      <span key={data}>
        <i class="dot" style={{ background: colorOf({ data }) }} /> {name}
        {data === 'imagenet' ? ` (${catalogue.source})` : ''}
      </span>
    ))}
    <span>
      <i class="dot" style={{ background: colorOf({}) }} /> architecture, not trained here
    </span>
    <span>◆ teacher</span>
  </div>
);
