/** @file Distill: a student learns in the page, with a teacher and without it at once. */

import { catalogue } from 'virtual:catalogue';
import { useState } from 'preact/hooks';
import type { Entry } from '../catalogue.ts';
import { dataNames } from '../catalogue.ts';
import { type Curve, Curves, smooth, thinned } from '../parts/curves.tsx';
import { percent } from '../parts/format.ts';
import { Empty, Note } from '../parts/notes.tsx';
import { Panel, ViewHeader } from '../parts/panel.tsx';
import type { Wanted } from './choices.ts';
import { looks } from './looks.ts';
import { Maps } from './maps.tsx';
import { refusalOf } from './methods.tsx';
import { Results } from './results.tsx';
import { type RunState, useRuns, type Who } from './runs.ts';
import { Settings, usual } from './settings.tsx';
import './distill.css';

export function Distill() {
  const [wanted, setWanted] = useState<Wanted>(usual);
  const { runs, isRunning, start, resume, stop, forget } = useRuns();
  const list = (['taught', 'alone'] as const).flatMap((who) => {
    const run = runs[who];
    return run ? [{ who, run }] : [];
  });
  const steps = Math.max(1, ...list.map(({ run }) => run.job.steps));
  const teacherId = runs.taught?.job.teacher?.id;
  const teacher = catalogue.entries.find(({ id }) => id === teacherId);
  const canResume = !isRunning && list.some(({ run }) => run.at === 'stopped' || run.at === 'failed');
  const refusal = refusalOf(wanted);
  const begin = (): void => {
    const { isCompared, teacher: id, method, ...job } = wanted;
    start({
      taught: { ...job, name: 'distill taught', teacher: { id, method } },
      ...(isCompared ? { alone: { ...job, name: 'distill alone' } } : {}),
    });
  };
  return (
    <>
      <ViewHeader name="Distill">
        A small student learns here, once taught by a net of the zoo and once from labels alone: same first
        weights, same images in the same order. A run that is stopped, or whose page is closed, goes on from
        its last checkpoint.
      </ViewHeader>
      <div class="grid distill">
        <article class="card" aria-label="Settings">
          <Settings {...{ wanted, setWanted }} isDisabled={isRunning} />
          <div class="row" style={{ marginTop: '14px' }}>
            {isRunning ? (
              <button type="button" class="primary" onClick={stop}>
                Stop
              </button>
            ) : (
              <button
                type="button"
                class="primary"
                disabled={!canResume && refusal !== undefined}
                onClick={canResume ? resume : begin}
              >
                {canResume ? 'Resume' : list.length ? 'Train again' : 'Train'}
              </button>
            )}
            {list.length && !isRunning ? (
              <button
                type="button"
                disabled={canResume && refusal !== undefined}
                onClick={canResume ? begin : forget}
              >
                {canResume ? 'Start over' : 'Clear'}
              </button>
            ) : null}
          </div>
          {refusal === undefined || isRunning ? null : (
            <Note>This method does not run on this pair: {refusal}. Choose another.</Note>
          )}
          {list.map(({ who, run }) => (
            <Progress key={who} {...{ who, run }} />
          ))}
        </article>
        <Plots {...{ list, steps, teacher }} />
        <div class="stack">
          <Panel label="Results" title="On all test images">
            <Results {...{ list, teacher }} />
          </Panel>
          <Panel label="Attention" title="Attention">
            <Maps {...{ list, teacher: teacherId, data: list[0]?.run.job.data ?? wanted.data }} />
          </Panel>
        </div>
      </div>
    </>
  );
}

interface PlotsProps {
  readonly list: readonly { readonly who: Who; readonly run: RunState }[];
  readonly steps: number;
  readonly teacher: Entry | undefined;
}

function Plots({ list, steps, teacher }: PlotsProps) {
  const goal = teacher?.accuracy;
  const level: readonly Curve[] =
    goal === undefined
      ? []
      : [
          {
            name: 'teacher, on test images',
            color: 'var(--teacher)',
            isDashed: true,
            points: [0, steps].map((step) => [step, 1 - goal]),
          },
        ];
  const errors = list.map(({ who, run }) => ({
    ...looks[who],
    points: run.measures.map(([step, a]) => [step, Math.max(1 - a, 0.001)] as const),
  }));
  if (!list.length)
    return (
      <Panel label="Curves" className="stack">
        <Empty>Losses and errors appear here as the student learns.</Empty>
      </Panel>
    );
  return (
    <Panel label="Curves" className="stack">
      <Curves
        title="Loss"
        steps={steps}
        isLog
        curves={list.map(({ who, run }) => ({ ...looks[who], points: smooth(thinned(run.losses)) }))}
        text={(v) => (v >= 1 ? v.toFixed(1) : v.toPrecision(1))}
      />
      <Curves
        title="Error on 1,000 held-out images"
        steps={steps}
        isLog
        curves={[...errors, ...level]}
        text={(v) => percent(v, v < 0.01 ? 1 : 0)}
      />
    </Panel>
  );
}

function Progress({ who, run }: { readonly who: Who; readonly run: RunState }) {
  const { at, step, job, ms, problem, resumedAt } = run;
  const said = {
    waiting: `reading ${dataNames[job.data] ?? job.data} and tracing the step`,
    running: `step ${step} of ${job.steps}, ${ms.toFixed(0)} ms a step${resumedAt === undefined ? '' : `, resumed at step ${resumedAt}`}`,
    stopped: `stopped at step ${step}`,
    ended: `${job.steps} steps`,
    failed: 'failed',
  };
  return (
    <div class="progress">
      <span class="small">
        <i class="dot" style={{ background: looks[who].color }} /> {looks[who].name}:{' '}
        <span data-run={who}>{said[at]}</span>
      </span>
      <progress max={job.steps} value={step} aria-label={`Steps ${looks[who].name}`} />
      {problem ? <Note kind="error">{problem}</Note> : null}
    </div>
  );
}
