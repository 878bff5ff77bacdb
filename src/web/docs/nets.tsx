/** @file All nets of the zoo as one table: search, filters, and columns that sort. */

import { catalogue } from 'virtual:catalogue';
import type { ComponentChildren } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { dataNames, type Entry } from '../catalogue.ts';
import { shownDatasets } from '../parts/datasets.ts';
import { bytes, percent, short } from '../parts/format.ts';
import { Empty } from '../parts/notes.tsx';

interface Column {
  readonly id: string;
  readonly name: string;
  readonly isNumber: boolean;
  of(entry: Entry): number | string | undefined;
  show(entry: Entry): ComponentChildren;
}
const number = (
  id: 'params' | 'macs' | 'bytes' | 'peakBytes',
  name: string,
  text: (n: number) => string,
): Column => ({ id, name, isNumber: true, of: (entry) => entry[id], show: (entry) => text(entry[id]) });

const Name = ({ entry }: { readonly entry: Entry }) => (
  <a href={`#/explore?net=${encodeURIComponent(entry.id)}`} title={entry.words}>
    {entry.kind === 'architecture' ? entry.label : entry.id}
  </a>
);
const kindNames: Readonly<Record<Entry['kind'], string>> = {
  ...{ student: 'student', teacher: 'teacher' },
  ...{ published: 'published weights', architecture: 'architecture' },
};

const columns: readonly Column[] = [
  { id: 'name', name: 'net', isNumber: false, of: ({ id }) => id, show: (entry) => <Name entry={entry} /> },
  {
    ...{ id: 'kind', name: 'kind', isNumber: false },
    of: ({ kind }) => kindNames[kind],
    show: ({ kind }) => kindNames[kind],
  },
  {
    ...{ id: 'block', name: 'block', isNumber: false },
    of: ({ block }) => block,
    show: ({ block }) => block ?? '',
  },
  number('params', 'parameters', short),
  number('macs', 'multiply-adds', short),
  number('bytes', 'bytes', bytes),
  number('peakBytes', 'peak memory', bytes),
  {
    ...{ id: 'data', name: 'dataset', isNumber: false },
    of: ({ data }) => data,
    show: ({ data }) => (data ? (dataNames[data] ?? data) : ''),
  },
  {
    ...{ id: 'accuracy', name: 'accuracy', isNumber: true },
    of: ({ accuracy }) => accuracy,
    show: ({ accuracy }) => (accuracy === undefined ? '' : percent(accuracy)),
  },
  {
    ...{ id: 'year', name: 'paper', isNumber: false },
    of: ({ paper }) => paper && `${paper.year} ${paper.title}`,
    show: ({ paper }) =>
      paper ? (
        <span class="paper" title={`${paper.title} (${paper.authors})`}>
          {paper.year} · {paper.title}
        </span>
      ) : (
        ''
      ),
  },
];

interface Choice {
  readonly text: string;
  readonly kind: string;
  readonly data: string;
  readonly most: string;
}
const limits = ['10000', '100000', '1000000', '10000000'];

const fits = (entry: Entry, { text, kind, data, most }: Choice): boolean =>
  (kind === '' || entry.kind === kind) &&
  (data === '' || entry.data === data) &&
  (most === '' || entry.params <= Number(most)) &&
  text
    .toLowerCase()
    .split(/\s+/)
    .every((word) =>
      `${entry.id} ${entry.words} ${entry.block ?? ''} ${entry.paper?.title ?? ''} ${entry.paper?.authors ?? ''} ${entry.paper?.year ?? ''}`
        .toLowerCase()
        .includes(word),
    );

/** Entries without a value come last either way. */
function sorted(entries: readonly Entry[], column: Column, isDown: boolean): readonly Entry[] {
  return entries.toSorted((a, b) => {
    const [x, y] = [column.of(a), column.of(b)];
    if (x === undefined || y === undefined) return Number(x === undefined) - Number(y === undefined);
    return (x < y ? -1 : x > y ? 1 : 0) * (isDown ? -1 : 1);
  });
}

export function Nets() {
  const [choice, setChoice] = useState<Choice>({ text: '', kind: '', data: '', most: '' });
  const [order, setOrder] = useState({ by: 'name', isDown: false });
  const shown = useMemo(() => {
    const column = columns.find(({ id }) => id === order.by) ?? (columns[0] as Column);
    return sorted(
      catalogue.entries.filter((entry) => fits(entry, choice)),
      column,
      order.isDown,
    );
  }, [choice, order]);
  return (
    <div class="stack docs-nets">
      <h1>All nets</h1>
      <p class="muted">
        Architectures with their default options, students and teachers that ship with the package, and
        published weights. A name opens the net in Explore. Counts are for one image.
      </p>
      <Choices {...{ choice, setChoice }} />
      <p class="small muted" role="status">
        {shown.length} of {catalogue.entries.length} nets
      </p>
      {shown.length ? (
        <div class="scroll card nets-table" tabIndex={0} role="region" aria-label="Nets">
          <table>
            <thead>
              <tr>
                {columns.map((column) => (
                  <Head key={column.id} {...{ column, order, setOrder }} />
                ))}
              </tr>
            </thead>
            <tbody>
              {shown.map((entry) => (
                <tr key={`${entry.kind} ${entry.id}`}>
                  {columns.map(({ id, isNumber, show }) => (
                    <td key={id} class={isNumber ? 'number' : ''}>
                      {show(entry)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <Empty>No net fits the filters.</Empty>
      )}
    </div>
  );
}

interface HeadProps {
  readonly column: Column;
  readonly order: { readonly by: string; readonly isDown: boolean };
  setOrder(order: { readonly by: string; readonly isDown: boolean }): void;
}
function Head({ column: { id, name, isNumber }, order, setOrder }: HeadProps) {
  const isBy = order.by === id;
  return (
    <th
      class={isNumber ? 'number' : ''}
      aria-sort={isBy ? (order.isDown ? 'descending' : 'ascending') : 'none'}
    >
      <button
        type="button"
        onClick={() => setOrder({ by: id, isDown: isBy ? !order.isDown : id === 'accuracy' })}
      >
        {name}
        <span aria-hidden="true">{isBy ? (order.isDown ? '↓' : '↑') : ''}</span>
      </button>
    </th>
  );
}

interface ChoicesProps {
  readonly choice: Choice;
  setChoice(choice: Choice): void;
}
function Choices({ choice, setChoice }: ChoicesProps) {
  const select = (
    key: 'kind' | 'data' | 'most',
    label: string,
    all: string,
    options: readonly (readonly [string, string])[],
  ) => (
    <select
      aria-label={label}
      value={choice[key]}
      onChange={(e) => setChoice({ ...choice, [key]: e.currentTarget.value })}
    >
      <option value="">{all}</option>
      {options.map(([value, name]) => (
        <option key={value} value={value}>
          {name}
        </option>
      ))}
    </select>
  );
  return (
    <div class="row">
      <input
        type="search"
        placeholder="Names, options, papers, authors"
        aria-label="Search nets"
        value={choice.text}
        style={{ flex: '1 1 220px' }}
        onInput={(e) => setChoice({ ...choice, text: e.currentTarget.value })}
      />
      {select('kind', 'Kind', 'all kinds', Object.entries(kindNames))}
      {select('data', 'Dataset', 'all datasets', shownDatasets)}
      {select(
        'most',
        'Size',
        'all sizes',
        limits.map((n) => [n, `up to ${short(Number(n))} parameters`] as const),
      )}
    </div>
  );
}
