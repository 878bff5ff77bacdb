/** @file One net: its counts, its options, its graph. All follow the options at once. */

import { useMemo } from 'preact/hooks';
import { architectures } from '../../../zoo/architectures/index.ts';
import { type Cost, cheapen, cost, type Graph, type types } from '../../index.ts';
import type { Entry } from '../catalogue.ts';
import { dataNames } from '../catalogue.ts';
import { bytes, count, milliseconds, percent, ratio, short } from '../parts/format.ts';
import { GraphView } from '../parts/graph/view.tsx';
import { Note } from '../parts/notes.tsx';
import { messageOf } from '../parts/state.ts';
import { OptionField, parse, type Values } from './options.tsx';

/** A net that somebody chose, with options of their own. */
export interface Choice {
  readonly entry: Entry;
  readonly values: Values;
  readonly block: string;
}
const blocks = ['', 'S', 'G(2)', 'G(4)', 'G(N)', 'B(2)', 'B(4)', 'BG(2,2)', 'BG(2,4)', 'BG(4,M)'];

export const chosen = (entry: Entry): Choice => {
  const [name = '', ...words] = entry.words.split(' ');
  const arch = architectures.get(name);
  return { entry, values: arch ? parse(arch, words) : {}, block: entry.block ?? '' };
};

export type Composed = { readonly graph: Graph; readonly cost: Cost } | { readonly problem: string };

/** The graph of a choice. */
export function composed({ entry, values, block }: Choice): Composed {
  try {
    const arch = architectures.get(entry.words.split(' ')[0] ?? '');
    if (!arch) return { problem: `no architecture "${entry.words}"` };
    const made = arch(values);
    const graph = block ? cheapen(made, block) : made;
    return { graph, cost: cost(graph) };
  } catch (e) {
    return { problem: messageOf(e) };
  }
}

interface Props {
  readonly choice: Choice;
  /** The net beside it, to which it is compared. */
  readonly other?: Composed | undefined;
  readonly latency?: number | undefined;
  readonly actions: preact.ComponentChildren;
  onChange(choice: Choice): void;
}

export function NetPanel({ choice, other, latency, actions, onChange }: Props) {
  const result = useMemo(() => composed(choice), [choice]);
  const { entry } = choice;
  const arch = architectures.get(entry.words.split(' ')[0] ?? '');
  const table: Readonly<Record<string, types.Option<unknown>>> = arch?.options ?? {};
  return (
    <article class="card" aria-label={entry.id}>
      <header>
        <h2>
          {entry.label} {choice.block ? <span class="muted">{choice.block}</span> : null}
        </h2>
        {actions}
      </header>
      <div class="net-body">
        <About entry={entry} />
        {'problem' in result ? (
          <Note kind="error">{result.problem}</Note>
        ) : (
          <Counts {...{ result, other, latency }} />
        )}
        <div class="options" role="group" aria-label={`Options of ${entry.label}`}>
          {Object.entries(table).map(([name, option]) => (
            <OptionField
              key={name}
              {...{ name, option }}
              value={choice.values[name] ?? option.default}
              onChange={(value) => onChange({ ...choice, values: { ...choice.values, [name]: value } })}
            />
          ))}
          <label
            class="slider"
            title="A cheap block in place of the two convs of every residual branch (Moonshine)"
          >
            <span>cheap block</span>
            <select
              value={choice.block}
              style={{ gridColumn: 'span 2' }}
              onChange={(e) => onChange({ ...choice, block: e.currentTarget.value })}
            >
              {blocks.map((b) => (
                <option key={b} value={b}>
                  {b || 'none'}
                </option>
              ))}
            </select>
          </label>
        </div>
        {'graph' in result ? <GraphView graph={result.graph} /> : null}
      </div>
    </article>
  );
}

function About({ entry }: { readonly entry: Entry }) {
  const { paper, accuracy, data, teacher, interval, weights } = entry;
  return (
    <p class="muted small">
      {paper ? (
        <>
          {paper.authors.split(',').slice(0, 3).join(',')}
          {paper.authors.split(',').length > 3 ? ' et al.' : ''}, {paper.year}. <cite>{paper.title}</cite>
          {paper.arxiv ? `, arXiv:${paper.arxiv}` : ''}.{' '}
        </>
      ) : null}
      {accuracy === undefined ? null : (
        <>
          {percent(accuracy)} on {dataNames[data ?? ''] ?? data}
          {interval ? ` (95 %: ${percent(interval[0])} to ${percent(interval[1])})` : ''}
          {teacher ? `, taught by ${teacher}` : ''}
          {weights ? `, weights ${weights} of torchvision` : ''}. Other options than those of the trained net
          have no accuracy.
        </>
      )}
    </p>
  );
}

interface CountsProps {
  readonly result: { readonly graph: Graph; readonly cost: Cost };
  readonly other: Composed | undefined;
  readonly latency: number | undefined;
  /** Bytes of the weights as they are stored; by default as float32. */
  readonly stored?: number | undefined;
}

export function Counts({ result, other, latency, stored }: CountsProps) {
  const { params, macs, peakBytes, activationBytes, normStats, layers } = result.cost;
  const floats = 4 * (params + normStats);
  const beside = other && 'cost' in other ? other.cost : undefined;
  const rows: readonly (readonly [
    name: string,
    value: string,
    exact: string,
    compared?: string | undefined,
  ])[] = [
    ['parameters', short(params), count(params), beside && ratio(beside.params, params)],
    ['multiply-adds', short(macs), count(macs), beside && ratio(beside.macs, macs)],
    stored === undefined
      ? ['weights', bytes(floats), `${count(floats)} bytes in float32`]
      : ['weights', bytes(stored), `${count(stored)} bytes as they are stored`],
    [
      'peak memory',
      bytes(peakBytes),
      `${count(peakBytes)} bytes alive at once`,
      beside && ratio(beside.peakBytes, peakBytes),
    ],
    ['all values', bytes(activationBytes), `${count(activationBytes)} bytes, what training keeps`],
    ['layers', count(layers.length), ''],
    ...(latency === undefined
      ? []
      : [['latency here', milliseconds(latency), 'one image, one thread'] as const]),
  ];
  return (
    <dl class="metrics" aria-live="polite">
      {rows.map(([name, value, exact, compared]) => (
        <div key={name} title={exact}>
          <dt>{name}</dt>
          <dd>
            {value} {compared ? <small>{compared}</small> : null}
          </dd>
        </div>
      ))}
    </dl>
  );
}
