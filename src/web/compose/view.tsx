/** @file Compose: the builder's code on the left; graph, cost and errors on the right, as one types. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import { compose } from '../../../zoo/architectures/index.ts';
import { cheapen, cost, type Graph, toJson, toSource } from '../../index.ts';
import { Counts } from '../explore/net.tsx';
import { save } from '../parts/download.ts';
import { count, shapeText } from '../parts/format.ts';
import { GraphView } from '../parts/graph/view.tsx';
import { Busy, Note } from '../parts/notes.tsx';
import { addressOf, messageOf, setQuery } from '../parts/state.ts';
import type { Problem } from '../work/code.ts';
import { Editor, type Given } from './editor.tsx';
import { evaluated } from './evaluate.ts';
import { examples } from './examples.ts';
import './compose.css';

const key = 'moonlet compose';
const first = examples[0]?.code ?? '';

/** The code of the net that the address names, such as `#/compose?net=wrn depth=16`. */
function codeOfAddress(): string | undefined {
  const { view, query } = addressOf();
  const words = query.get('net');
  if (view !== 'compose' || words === null) return undefined;
  try {
    const graph = compose(words);
    const block = query.get('block');
    return toSource(block ? cheapen(graph, block) : graph);
  } catch (e) {
    return `// ${messageOf(e)}\n${first}`;
  }
}

export function Compose() {
  const [given, setGiven] = useState<Given>(() => ({
    code: codeOfAddress() ?? localStorage.getItem(key) ?? first,
  }));
  const [code, setCode] = useState(given.code);
  const [graph, setGraph] = useState<Graph | undefined>();
  const [problem, setProblem] = useState<Problem | undefined>();
  useEffect(() => {
    const follow = (): void => {
      const asked = codeOfAddress();
      if (asked === undefined) return;
      setGiven({ code: asked });
      setCode(asked);
      setQuery('compose', new URLSearchParams());
    };
    follow();
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  useEffect(() => {
    let isCurrent = true;
    localStorage.setItem(key, code);
    const timer = setTimeout(async () => {
      const result = await evaluated(code);
      if (!isCurrent) return;
      if ('graph' in result) {
        setGraph(result.graph);
        setProblem(undefined);
      } else setProblem(result.problem);
    }, 220);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [code]);
  return (
    <>
      <header>
        <h1>Compose</h1>
        <p>
          Write a net with Moonlet's builder; its graph and costs follow as you type. Ctrl-Space completes.
          The same code runs in Node.
        </p>
      </header>
      <div class="grid compose">
        <article class="card" aria-label="Code">
          <Tools
            {...{ code, graph }}
            onChoose={(chosen) => {
              setGiven({ code: chosen });
              setCode(chosen);
            }}
          />
          <Editor {...{ given, problem }} onChange={setCode} />
        </article>
        <article class="card stack" aria-label="Net">
          {problem ? (
            <Note kind="error">
              {problem.line === undefined ? '' : `Line ${problem.line}: `}
              {problem.message}
            </Note>
          ) : null}
          {graph ? (
            <Composed graph={graph} isOld={problem !== undefined} />
          ) : problem ? null : (
            <Busy text="Composing" />
          )}
        </article>
      </div>
    </>
  );
}

interface ToolsProps {
  readonly code: string;
  readonly graph: Graph | undefined;
  onChoose(code: string): void;
}

function Tools({ code, graph, onChoose }: ToolsProps) {
  return (
    <header>
      <select
        aria-label="Example"
        value=""
        onChange={(e) => {
          const chosen = examples.find(({ id }) => id === e.currentTarget.value);
          if (chosen) onChoose(chosen.code);
        }}
      >
        <option value="">Examples …</option>
        {examples.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
      <span style={{ flex: '1' }} />
      <button type="button" class="plain" onClick={() => void navigator.clipboard.writeText(code)}>
        Copy
      </button>
      <button
        type="button"
        disabled={!graph}
        onClick={() => graph && save(`${graph.name}.graph.json`, toJson(graph))}
      >
        graph.json
      </button>
    </header>
  );
}

/** The last graph that the code made. */
function Composed({ graph, isOld }: { readonly graph: Graph; readonly isOld: boolean }) {
  const [shown, setShown] = useState<'graph' | 'layers'>('graph');
  const counted = useMemo(() => cost(graph), [graph]);
  return (
    <div class={`stack${isOld ? ' old' : ''}`}>
      <div class="row">
        <h2>{graph.name}</h2>
        {isOld ? <span class="small muted">the last net without errors</span> : null}
        <span style={{ flex: '1' }} />
        <div class="segmented" role="group" aria-label="Show">
          {(['graph', 'layers'] as const).map((what) => (
            <button key={what} type="button" aria-pressed={shown === what} onClick={() => setShown(what)}>
              {what}
            </button>
          ))}
        </div>
      </div>
      <Counts result={{ graph, cost: counted }} other={undefined} latency={undefined} />
      {shown === 'graph' ? (
        <GraphView graph={graph} tallest={620} />
      ) : (
        <div class="scroll layers" tabIndex={0} role="region" aria-label="Layers">
          <table>
            <thead>
              <tr>
                <th>layer</th>
                <th class="number">output</th>
                <th class="number">parameters</th>
                <th class="number">multiply-adds</th>
              </tr>
            </thead>
            <tbody>
              {counted.layers.map(({ id, shape, params, macs }) => (
                <tr key={id}>
                  <td class="mono">{id}</td>
                  <td class="number">{shapeText(shape)}</td>
                  <td class="number">{params ? count(params) : ''}</td>
                  <td class="number">{macs ? count(macs) : ''}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}
