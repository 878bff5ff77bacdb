/** @file Two runs at once, with the teacher and without, each in a worker; what they tell is kept, also when the page is closed. */
import { useEffect, useReducer, useRef } from 'preact/hooks';
import { prepareToTrain } from '../parts/engine.tsx';
import { messageOf } from '../parts/state.ts';
import { type Remote, remote } from '../work/rpc.ts';
import type { Attention } from '../work/running.ts';
import type { TrainMethods } from '../work/train.worker.ts';
import { keepTrained } from '../work/trained.ts';
import type { Ended, Job, TrainingEvent } from '../work/training.ts';

export type Who = 'taught' | 'alone';
export interface RunState {
  readonly job: Job;
  readonly losses: readonly (readonly [step: number, loss: number])[];
  readonly measures: readonly (readonly [step: number, accuracy: number])[];
  readonly attention: readonly Attention[];
  readonly step: number;
  /** Mean milliseconds of a step. */
  readonly ms: number;
  readonly at: 'waiting' | 'running' | 'stopped' | 'ended' | 'failed';
  readonly resumedAt?: number;
  readonly problem?: string;
  readonly ended?: Omit<Ended, 'net'>;
}
export type Runs = Partial<Readonly<Record<Who, RunState>>>;
export type TrainWorker = Remote<TrainMethods, TrainingEvent>;

export const trainWorker = (): TrainWorker =>
  remote<TrainMethods, TrainingEvent>(
    new Worker(new URL('../work/train.worker.ts', import.meta.url), { type: 'module', name: 'training' }),
  );

const key = 'moonlet distill';
type Change =
  | { readonly who: Who; readonly change: (state: RunState) => RunState }
  | { readonly begin: Runs };

/** What the page remembers of runs that were not finished. */
export function remembered(): Runs {
  try {
    const runs: Runs = JSON.parse(localStorage.getItem(key) ?? '{}');
    return Object.fromEntries(
      Object.entries(runs).map(([who, run]) => [
        who,
        { ...run, attention: [], at: run.at === 'ended' ? 'ended' : 'stopped' },
      ]),
    );
  } catch {
    return {};
  }
}
const remember = (runs: Runs): void =>
  localStorage.setItem(
    key,
    JSON.stringify(runs, (name, value) => (name === 'attention' ? undefined : value)),
  );

const reduce = (runs: Runs, change: Change): Runs => {
  if ('begin' in change) return change.begin;
  const state = runs[change.who];
  return state ? { ...runs, [change.who]: change.change(state) } : runs;
};

const begun = (job: Job): RunState => ({
  job,
  losses: [],
  measures: [],
  attention: [],
  step: 0,
  ms: 0,
  at: 'waiting',
});

/** The state of a run after what the worker told. */
function after(state: RunState, event: TrainingEvent): RunState {
  if (event.kind === 'resumed') {
    const upTo = <T extends readonly [number, number]>(list: readonly T[]): readonly T[] =>
      list.filter(([step]) => step <= event.step);
    return {
      ...state,
      at: 'running',
      resumedAt: event.step,
      step: event.step,
      losses: upTo(state.losses),
      measures: upTo(state.measures),
    };
  }
  if (event.kind === 'measured')
    return {
      ...state,
      measures: [...state.measures, [event.step, event.accuracy]],
      attention: event.attention,
    };
  const { step, loss, ms } = event;
  return {
    ...{ ...state, at: 'running' },
    ...{ step, losses: [...state.losses, [step, loss]], ms: state.ms ? 0.95 * state.ms + 0.05 * ms : ms },
  };
}

export interface RunsControl {
  readonly runs: Runs;
  readonly isRunning: boolean;
  start(jobs: Partial<Record<Who, Job>>): void;
  resume(): void;
  stop(): void;
  forget(): void;
}

export function useRuns(): RunsControl {
  const [runs, send] = useReducer(reduce, undefined, remembered);
  const workers = useRef(new Map<Who, TrainWorker>());
  const pending = useRef<Change[]>([]);
  const stopped = useRef(false);
  useEffect(() => {
    remember(runs);
  }, [runs.taught?.measures.length, runs.alone?.measures.length, runs.taught?.at, runs.alone?.at]);
  useEffect(() => {
    // steps may come faster than a page paints
    const timer = setInterval(() => {
      for (const change of pending.current.splice(0)) send(change);
    }, 120);
    return () => clearInterval(timer);
  }, []);
  const run = async (who: Who, job: Job): Promise<void> => {
    stopped.current = false;
    workers.current.get(who)?.end();
    const worker = trainWorker();
    workers.current.set(who, worker);
    worker.on((event) => pending.current.push({ who, change: (state) => after(state, event) }));
    const set = (change: Partial<RunState>): void =>
      void pending.current.push({ who, change: (state) => ({ ...state, ...change }) });
    try {
      await prepareToTrain(worker);
      if (stopped.current) return set({ at: 'stopped' });
      const { net, ...ended } = await worker.call('train', job);
      if (ended.finished)
        keepTrained({
          name: `${job.student}, ${who === 'taught' ? 'with teacher' : 'from labels'}`,
          data: job.data,
          net,
        });
      set({ at: ended.finished ? 'ended' : 'stopped', ended });
    } catch (e) {
      set({ at: 'failed', problem: messageOf(e) });
    }
  };
  const entries = (list: Runs): readonly (readonly [Who, RunState])[] =>
    (['taught', 'alone'] as const).flatMap((who) => {
      const state = list[who];
      return state ? [[who, state] as const] : [];
    });
  return {
    runs,
    isRunning: entries(runs).some(([, { at }]) => at === 'running' || at === 'waiting'),
    start: (jobs) => {
      forgetCheckpoints(runs);
      const begin: Runs = Object.fromEntries(Object.entries(jobs).map(([who, job]) => [who, begun(job)]));
      send({ begin });
      for (const [who, { job }] of entries(begin)) void run(who, job);
    },
    resume: () => {
      const open = entries(runs).filter(([, { at }]) => at === 'stopped' || at === 'failed');
      send({
        begin: Object.fromEntries(
          entries(runs).map(([who, state]) => [
            who,
            open.some(([w]) => w === who) ? { ...state, at: 'waiting' as const } : state,
          ]),
        ),
      });
      for (const [who, { job }] of open) void run(who, job);
    },
    stop: () => {
      stopped.current = true;
      for (const worker of workers.current.values()) void worker.call('stop');
    },
    forget: () => {
      for (const worker of workers.current.values()) worker.end();
      workers.current.clear();
      forgetCheckpoints(runs);
      send({ begin: {} });
    },
  };
}

/** Removes the checkpoints of runs that begin anew. */
function forgetCheckpoints(runs: Runs): void {
  for (const state of Object.values(runs)) indexedDB.deleteDatabase(`moonlet ${state.job.name}`);
}
