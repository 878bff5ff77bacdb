/** @file One net, or two side by side. */
import { useEffect, useState } from 'preact/hooks';
import type { Entry } from '../catalogue.ts';
import { Empty } from '../parts/notes.tsx';
import { type Choice, chosen, composed, NetPanel } from './net.tsx';

interface Props {
  readonly picked: readonly [Entry | undefined, Entry | undefined];
  readonly target: 0 | 1;
  readonly latencies: ReadonlyMap<string, number>;
  pick(nets: readonly [Entry | undefined, Entry | undefined]): void;
  onCompare(): void;
}

/** The choice of an entry, which begins anew when another entry is picked. */
function useChoice(entry: Entry | undefined): [Choice | undefined, (choice: Choice) => void] {
  const [choice, setChoice] = useState(entry && chosen(entry));
  useEffect(() => setChoice(entry && chosen(entry)), [entry]);
  return [choice?.entry === entry ? choice : entry && chosen(entry), setChoice];
}

export function Pair({ picked, pick, onCompare, target, latencies }: Props) {
  const [first, setFirst] = useChoice(picked[0]);
  const [second, setSecond] = useChoice(picked[1]);
  if (!first) return <Empty>Choose a net in the chart or in the list.</Empty>;
  return (
    <div class={`grid explore-nets${second ? ' two' : ''}`}>
      <NetPanel
        choice={first}
        onChange={setFirst}
        latency={isAsListed(first) ? latencies.get(first.entry.id) : undefined}
        actions={
          <>
            {isAsListed(first) ? null : (
              <button type="button" class="plain" onClick={() => setFirst(chosen(first.entry))}>
                reset
              </button>
            )}
            {second ? (
              <button type="button" class="plain" onClick={() => pick([picked[1], picked[0]])}>
                swap
              </button>
            ) : (
              <button type="button" aria-pressed={target === 1} onClick={onCompare}>
                Compare with …
              </button>
            )}
            <ComposeLink choice={first} />
          </>
        }
      />
      {second ? (
        <NetPanel
          choice={second}
          other={composed(first)}
          onChange={setSecond}
          latency={isAsListed(second) ? latencies.get(second.entry.id) : undefined}
          actions={
            <>
              <button type="button" class="plain" onClick={() => pick([picked[0], undefined])}>
                close
              </button>
              <ComposeLink choice={second} />
            </>
          }
        />
      ) : null}
    </div>
  );
}

const isAsListed = ({ entry, values, block }: Choice): boolean =>
  block === (entry.block ?? '') && JSON.stringify(values) === JSON.stringify(chosen(entry).values);

/** Opens the net as code. */
function ComposeLink({ choice: { entry, values, block } }: { readonly choice: Choice }) {
  const words = [
    entry.words.split(' ')[0],
    ...Object.entries(values).map(([key, value]) => `${key}=${String(value)}`),
  ];
  const query = new URLSearchParams({ net: words.join(' '), ...(block ? { block } : {}) });
  return (
    <a class="button" href={`#/compose?${query.toString()}`}>
      As code
    </a>
  );
}
