/** @file Grow: a trained net becomes wider or deeper, its outputs stay the same, and training goes on. */

import { catalogue } from 'virtual:catalogue';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { planSteps } from '../../edit/grow/steps.ts';
import { cost } from '../../read/cost.ts';
import { Slider } from '../distill/settings.tsx';
import { Curves, smooth, thinned } from '../parts/curves.tsx';
import { count, percent, ratio, short } from '../parts/format.ts';
import { GraphView } from '../parts/graph/view.tsx';
import { Busy, Empty, Note } from '../parts/notes.tsx';
import { messageOf } from '../parts/state.ts';
import { useTrained } from '../work/trained.ts';
import { Certificate } from './certificate.tsx';
import { type Change, type Growing, type Source, useGrowing } from './growing.ts';
import '../distill/distill.css';
import './grow.css';

export function Grow() {
  const growing = useGrowing();
  const trained = useTrained();
  const [source, setSource] = useState<Source>({ id: 'mnist/wrn-16-1-bg4m' });
  useEffect(() => growing.open(source), [source]);
  const { net, problem, busy } = growing;
  const students = catalogue.entries.filter(({ kind }) => kind === 'student');
  return (
    <>
      <header>
        <h1>Grow</h1>
        <p>
          Move a slider: channels are copied and the weights that read them are split, so that the net
          computes what it did (Net2Net). A certificate proves it from the weights alone. Then training goes
          on, with more room to learn.
        </p>
      </header>
      <div class="grid distill">
        <article class="card stack" aria-label="Growth">
          <label class="field">
            Net
            <select
              disabled={busy !== undefined}
              onChange={(e) => {
                const kept = trained.find(({ name }) => name === e.currentTarget.value);
                setSource(kept ? { net: kept.net, data: kept.data } : { id: e.currentTarget.value });
              }}
            >
              {trained.map(({ name }) => (
                <option key={name} value={name}>
                  trained here: {name}
                </option>
              ))}
              {students.map(({ id, block }) => (
                <option key={id} value={id} selected={'id' in source && source.id === id}>
                  {id} {block ?? ''}
                </option>
              ))}
            </select>
          </label>
          {net ? (
            <Plans growing={growing} onBack={() => setSource({ ...source })} />
          ) : problem ? null : (
            <Busy text="Opening the net" />
          )}
          {problem ? <Note kind="error">{problem}</Note> : null}
        </article>
        <article class="card stack" aria-label="Training">
          <Training growing={growing} />
        </article>
        <div class="stack">
          <article class="card" aria-label="Certificate">
            <header>
              <h2>Certificate</h2>
            </header>
            {growing.grown ? (
              <Certificate grown={growing.grown} />
            ) : (
              <Empty>Grow the net to see what is proved.</Empty>
            )}
          </article>
        </div>
      </div>
      {net ? (
        <article class="card" aria-label="Graph" style={{ marginTop: '16px' }}>
          <header>
            <h2>{net.graph.name}</h2>
          </header>
          <GraphView graph={net.graph} tallest={420} />
        </article>
      ) : null}
    </>
  );
}

const none: Change = { widths: {}, deeper: {} };
const factors = ['×1', '×1.25', '×1.5', '×2', '×3'];
const factorOf = (text: string): number => Number(text.slice(1));

/** Sliders for each stage, and what they would cost. */
interface PlansProps {
  readonly growing: Growing;
  /** Opens the net anew, as it was before it grew and trained. */
  onBack(): void;
}

function Plans({ growing, onBack }: PlansProps) {
  const [change, setChange] = useState(none);
  const { net, busy, grown, step } = growing;
  const steps = stepsOf(change);
  const planned = useMemo(() => {
    if (!net || !steps.length) return undefined;
    try {
      return { last: planSteps(net.graph, steps).at(-1) };
    } catch (e) {
      return { problem: messageOf(e) };
    }
  }, [net, JSON.stringify(steps)]);
  if (!net) return null;
  const now = cost(net.graph);
  return (
    <fieldset class="settings" disabled={busy !== undefined}>
      <legend class="visually-hidden">How the net grows</legend>
      {net.stages.map((stage) => (
        <Stage key={stage} {...{ stage, change, setChange }} />
      ))}
      {planned && 'problem' in planned ? <Note kind="error">{planned.problem}</Note> : null}
      {planned?.last ? (
        <p class="small muted" role="status">
          {short(planned.last.params)} parameters ({ratio(now.params, planned.last.params)}),{' '}
          {short(planned.last.macs)} multiply-adds ({ratio(now.macs, planned.last.macs)}); the outputs stay
          equal{planned.last.preserves === 'inference' ? ' in inference' : ''}.
        </p>
      ) : planned ? null : (
        <p class="small muted" role="status">
          {short(now.params)} parameters, {short(now.macs)} multiply-adds. Move a slider to see what the net
          would become.
        </p>
      )}
      <div class="row">
        <button
          type="button"
          class="primary"
          disabled={!planned?.last}
          onClick={() => {
            growing.grow(steps);
            setChange(none);
          }}
        >
          Grow
        </button>
        {grown || step ? (
          <button
            type="button"
            onClick={() => {
              onBack();
              setChange(none);
            }}
          >
            Start over
          </button>
        ) : null}
      </div>
    </fieldset>
  );
}

interface StageProps {
  readonly stage: string;
  readonly change: Change;
  setChange(change: Change): void;
}

/** How much wider a stage becomes, and how much deeper. */
function Stage({ stage, change, setChange }: StageProps) {
  return (
    <div class="stage">
      <b>{stage}</b>
      <label class="slider">
        <span>width</span>
        <input
          type="range"
          min={0}
          max={factors.length - 1}
          step={1}
          value={factors.indexOf(change.widths[stage] ?? '×1')}
          aria-label={`Width of ${stage}`}
          aria-valuetext={change.widths[stage] ?? '×1'}
          onInput={(e) =>
            setChange({
              ...change,
              widths: { ...change.widths, [stage]: factors[Number(e.currentTarget.value)] ?? '×1' },
            })
          }
        />
        <output>{change.widths[stage] ?? '×1'}</output>
      </label>
      <label class="slider">
        <span>new blocks</span>
        <input
          type="range"
          min={0}
          max={2}
          step={1}
          value={change.deeper[stage] ?? 0}
          aria-label={`New blocks in ${stage}`}
          onInput={(e) =>
            setChange({ ...change, deeper: { ...change.deeper, [stage]: Number(e.currentTarget.value) } })
          }
        />
        <output>{change.deeper[stage] ?? 0}</output>
      </label>
    </div>
  );
}

const stepsOf = ({ widths, deeper }: Change) => [
  ...Object.entries(widths)
    .filter(([, factor]) => factor !== '×1')
    .map(([stage, factor]) => ({ widen: { [stage]: `x${factorOf(factor)}` as const } })),
  ...Object.entries(deeper)
    .filter(([, by]) => by > 0)
    .map(([stage, by]) => ({ deepen: stage, by })),
];

function Training({ growing }: { readonly growing: Growing }) {
  const [steps, setSteps] = useState(200);
  const [rate, setRate] = useState(0.01);
  const { losses, measures, marks, step, busy, net } = growing;
  return (
    <>
      <div class="row training">
        <Slider name="steps" value={steps} min={25} max={1000} step={25} onChange={setSteps} />
        <Slider name="rate" value={rate} min={0.001} max={0.1} step={0.001} onChange={setRate} />
        {busy === 'training' ? (
          <button type="button" class="primary" onClick={growing.stop}>
            Stop
          </button>
        ) : (
          <button
            type="button"
            class="primary"
            disabled={!net || busy !== undefined}
            onClick={() => growing.train(steps, rate)}
          >
            Train on
          </button>
        )}
        <span class="small muted" role="status" data-grow-status>
          {busy === 'training'
            ? `step ${step}`
            : busy === 'growing'
              ? 'growing'
              : net
                ? `${percent(net.accuracy)} of the held-out images, ${count(step)} steps here`
                : ''}
        </span>
      </div>
      <Curves
        title="Loss"
        steps={Math.max(step, steps)}
        isLog
        marks={marks}
        curves={[{ name: 'labels', color: 'var(--accent)', points: smooth(thinned(losses)) }]}
        text={(v) => v.toPrecision(1)}
      />
      <Curves
        title="Error on 1,000 held-out images"
        steps={Math.max(step, steps)}
        isLog
        marks={marks}
        curves={[
          {
            name: 'error',
            color: 'var(--accent)',
            points: measures.map(([at, a]) => [at, Math.max(1 - a, 0.001)] as const),
          },
        ]}
        text={(v) => percent(v, v < 0.02 ? 2 : 1)}
      />
    </>
  );
}
