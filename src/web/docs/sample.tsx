/** @file A sample: its code, which can be changed, and what it prints. */
import type { ComponentType } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Props as EditorProps } from '../compose/editor.tsx';
import { messageOf } from '../parts/state.ts';
import type { Line, Ran } from '../work/sample.worker.ts';
import type { Sample } from './pages.ts';
import { type Running, started } from './running.ts';

type EditorType = ComponentType<EditorProps>;
interface Output {
  readonly lines: readonly Line[];
  readonly ran?: Ran;
}
const mostLines = 500;

/** The state of a run: what was printed, and how to start and stop it. */
function useRun() {
  const [output, setOutput] = useState<Output | undefined>();
  const [isBusy, setBusy] = useState(false);
  const current = useRef<Running | undefined>(undefined);
  useEffect(() => () => current.current?.stop(), []);
  const run = async (code: string): Promise<void> => {
    setBusy(true);
    setOutput({ lines: [] });
    const start = performance.now();
    const running = started(code, (line) =>
      setOutput((before) => ({ ...before, lines: [...(before?.lines ?? []), line].slice(-mostLines) })),
    );
    current.current = running;
    const ran = await running.done.catch(
      (e: unknown): Ran => ({ ms: performance.now() - start, problem: { message: messageOf(e) } }),
    );
    setOutput((before) => ({ lines: before?.lines ?? [], ran }));
    setBusy(false);
  };
  return { output, isBusy, run, stop: () => current.current?.stop() };
}

interface Props {
  readonly sample: Sample;
  /** From 1, for its label. */
  readonly number: number;
}

export function SampleBox({ sample, number }: Props) {
  const [code, setCode] = useState(sample.code);
  const [Editor, setEditor] = useState<EditorType | undefined>();
  const { output, isBusy, run, stop } = useRun();
  const canRun = sample.reason === undefined;
  const edit = async (): Promise<void> => {
    const { Editor: found } = await import('../compose/editor.tsx');
    setEditor(() => found);
  };
  const isChanged = code !== sample.code;
  return (
    <figure class="sample" role="group" aria-label={`Sample ${number}`}>
      {Editor ? (
        <Editor
          given={{ code }}
          problem={output?.ran?.problem}
          label={`Code of sample ${number}`}
          onChange={setCode}
        />
      ) : (
        <pre tabIndex={0} dangerouslySetInnerHTML={{ __html: `<code>${sample.html}</code>` }} />
      )}
      <div class="row sample-bar">
        {canRun ? (
          <>
            {isBusy ? (
              <button type="button" onClick={stop}>
                Stop
              </button>
            ) : (
              <button type="button" class="primary" data-run onClick={() => void run(code)}>
                Run
              </button>
            )}
            {Editor ? (
              <button type="button" class="plain" disabled={!isChanged} onClick={() => setCode(sample.code)}>
                Undo changes
              </button>
            ) : (
              <button type="button" class="plain" onClick={() => void edit()}>
                Edit
              </button>
            )}
          </>
        ) : (
          <span class="small muted">{sample.reason}</span>
        )}
        <span style={{ flex: '1' }} />
        <button type="button" class="plain" onClick={() => void navigator.clipboard.writeText(code)}>
          Copy
        </button>
      </div>
      {output ? <Printed {...{ output, isBusy }} /> : <Expected text={sample.output} />}
    </figure>
  );
}

/** What the page says that a sample prints. */
const Expected = ({ text }: { readonly text: string | undefined }) =>
  text === undefined ? null : (
    <div class="printed">
      <p class="small muted">prints</p>
      <pre tabIndex={0}>{text}</pre>
    </div>
  );

interface PrintedProps {
  readonly output: Output;
  readonly isBusy: boolean;
}

function Printed({ output: { lines, ran }, isBusy }: PrintedProps) {
  const seconds = ran ? `${(ran.ms / 1000).toFixed(ran.ms < 100 ? 3 : 1)} s` : '';
  const problem = ran?.problem;
  return (
    <div class="printed" data-output={ran ? 'done' : 'busy'}>
      <p class="small muted" role="status">
        {isBusy ? 'running …' : problem ? `failed after ${seconds}` : `ran in this browser in ${seconds}`}
      </p>
      {lines.length ? (
        <pre tabIndex={0} data-lines>
          {lines.map(({ line, isError }, i) => (
            <span key={i} class={isError ? 'bad' : ''}>{`${line}\n`}</span>
          ))}
        </pre>
      ) : ran && !problem ? (
        <p class="small muted">It printed nothing.</p>
      ) : null}
      {problem ? (
        <p class="note error" role="alert">
          <span>
            {problem.line === undefined ? '' : `Line ${problem.line}: `}
            {problem.message}
          </span>
        </p>
      ) : null}
    </div>
  );
}
