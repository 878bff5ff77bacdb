/** @file The state of a net that grows: what the worker told, over growth and training in turn. */
import { useRef, useState } from 'preact/hooks';
import type { GrowStep } from '../../edit/index.ts';
import type { Net } from '../../weights/index.ts';
import { type TrainWorker, trainWorker } from '../distill/runs.ts';
import { dataOf } from '../parts/datasets.ts';
import { prepareToTrain } from '../parts/engine.tsx';
import { messageOf } from '../parts/state.ts';
import type { Growable, Grown } from '../work/growing.ts';
import { keepTrained } from '../work/trained.ts';

export type Source = { readonly id: string } | { readonly net: Net; readonly data: string };
/** What the sliders say of each stage. */
export interface Change {
  readonly widths: Readonly<Record<string, string>>;
  readonly deeper: Readonly<Record<string, number>>;
}
type Points = readonly (readonly [step: number, value: number])[];
export interface Growing {
  readonly net: Growable | undefined;
  readonly grown: Grown | undefined;
  readonly busy: 'opening' | 'growing' | 'training' | undefined;
  readonly problem: string | undefined;
  readonly step: number;
  readonly losses: Points;
  readonly measures: Points;
  readonly marks: readonly { readonly at: number; readonly name: string }[];
  open(source: Source): void;
  grow(steps: readonly GrowStep[]): void;
  train(steps: number, rate: number): void;
  stop(): void;
}
type State = Omit<Growing, 'open' | 'grow' | 'train' | 'stop'>;
const empty: State = {
  net: undefined,
  grown: undefined,
  busy: undefined,
  problem: undefined,
  step: 0,
  losses: [],
  measures: [],
  marks: [],
};

export function useGrowing(): Growing {
  const [state, setState] = useState<State>(empty);
  const worker = useRef<TrainWorker | undefined>(undefined);
  const source = useRef<Source | undefined>(undefined);
  const seed = useRef(1);
  const stopped = useRef(false);
  const set = (change: Partial<State>): void => setState((before) => ({ ...before, ...change }));
  /** Does something in the worker, and says what failed. */
  const doing = async (busy: State['busy'], work: (w: TrainWorker) => Promise<void>): Promise<void> => {
    worker.current ??= trainWorker();
    set({ busy, problem: undefined });
    try {
      await work(worker.current);
    } catch (e) {
      set({ problem: messageOf(e) });
    } finally {
      set({ busy: undefined });
    }
  };
  return {
    ...state,
    open: (what) =>
      void doing('opening', async (w) => {
        source.current = what;
        setState({ ...empty, busy: 'opening' });
        const net = await w.call('openNet', what);
        set({ net, measures: [[0, net.accuracy]] });
      }),
    grow: (steps) =>
      void doing('growing', async (w) => {
        const grown = await w.call('growNet', steps, seed.current++);
        setState((before) => ({
          ...before,
          ...{ net: grown, grown },
          marks: [...before.marks, { at: before.step, name: steps.map(wordsOf).join(', ') }],
          measures: [...before.measures, [before.step, grown.accuracy]],
        }));
      }),
    train: (steps, rate) =>
      void doing('training', async (w) => {
        const begun = state.step;
        const end = w.on((event) =>
          setState((before) => {
            const at = begun + event.step;
            if (event.kind === 'step')
              return { ...before, step: at, losses: [...before.losses, [at, event.loss]] };
            if (event.kind === 'measured')
              return { ...before, measures: [...before.measures, [at, event.accuracy]] };
            return before;
          }),
        );
        try {
          stopped.current = false;
          await prepareToTrain(w);
          if (stopped.current) return;
          const { accuracy, net } = await w.call('trainOn', 'grow', steps, rate, seed.current++);
          const from = source.current;
          const data = from && ('id' in from ? dataOf(from.id) : from.data);
          keepTrained({ name: `${net.graph.name}, grown`, data: data ?? 'mnist', net });
          setState((before) => ({ ...before, net: before.net && { ...before.net, accuracy } }));
        } finally {
          end();
        }
      }),
    stop: () => {
      stopped.current = true;
      void worker.current?.call('stop');
    },
  };
}

const wordsOf = (step: GrowStep): string =>
  'widen' in step
    ? Object.entries(step.widen)
        .map(([stage, width]) => `${stage} ${String(width)}`)
        .join(', ')
    : 'deepen' in step
      ? `${step.deepen} +${step.by ?? 1}`
      : 'grown';
