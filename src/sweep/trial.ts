/**
 * @file Trains one trial up to a rung, in this process. The numbers depend on the specification alone: an interrupted trial that
 * goes on elsewhere, from its checkpoint in the store, ends with those of an unbroken one.
 */
import { createHash } from 'node:crypto';
import type { Compressed } from '../compress/options.ts';
import { parseSteps } from '../compress/parse-steps.ts';
import { compress } from '../compress/pipeline.ts';
import { foldNorms } from '../edit/fold/norms.ts';
import { latency } from '../engine/index.ts';
import { MoonletError } from '../errors.ts';
import { evaluate, evaluateStreamed } from '../learn/task/index.ts';
import type { Fitted } from '../learn/train/index.ts';
import { cost } from '../read/cost.ts';
import { mcuFigures } from '../read/mcu/index.ts';
import { type Hooks, perform, type Ready, readyFor } from '../run/classify.ts';
import { bytesOf, type Net, pack } from '../weights/index.ts';
import { candidateOf } from './candidate.ts';
import { type Costs, costsOf, mcuOf, overLimit } from './costs.ts';
import { type Inherited, inherited } from './inherit.ts';
import type { Space, Values } from './space.ts';
import { checkpointKey, checkpointsIn, type Store } from './store.ts';
import { sharedTeacher } from './teacher.ts';

/** All that a trial's numbers depend on, besides its data and the nets that its recipe names. */
export interface TrialSpec {
  readonly base: Pick<
    Space,
    | 'recipe'
    | 'compress'
    | 'limits'
    | 'objective'
    | 'mcu'
    | 'threads'
    | 'checkpointEvery'
    | 'sampler'
    | 'stopEarly'
  >;
  readonly trial: number;
  readonly values: Values;
  readonly parent?: number;
  readonly costs: Costs;
  /** Steps at its end; undefined for the whole recipe. */
  readonly until?: number;
}

/** What a trial gave: the same for the same specification, to the digit. */
export interface Measures extends Costs {
  /** On the held-out training examples. */
  readonly accuracy: number;
  /** Of the last step. */
  readonly loss: number;
  readonly steps: number;
  /** A hash of the trained weights; only at the end of the recipe. */
  readonly weights?: string;
  /** Whether it began with the weights of its parent, or why not. */
  readonly inherited?: Inherited['how'];
}
export interface Failure {
  readonly error: string;
}
export interface TrialHooks {
  readonly signal?: AbortSignal;
  readonly onStep?: (step: number) => void;
}
/** Undefined when the signal stopped it; then its checkpoint is in the store. */
export type Outcome =
  | { readonly ok: true; readonly body: Measures; readonly latencyMs?: number }
  | { readonly ok: false; readonly body: Failure; readonly latencyMs?: number }
  | undefined;

/**
 * Runs a trial. Errors that it would give again, such as losses that become NaN, are its result.
 * @throws what is no MoonletError.
 */
export async function runTrial(spec: TrialSpec, store: Store, hooks: TrialHooks = {}): Promise<Outcome> {
  try {
    return await trained(spec, store, hooks);
  } catch (e) {
    if (e instanceof MoonletError) return { ok: false, body: { error: e.message } };
    throw e;
  }
}

const costNames = ['params', 'macs', 'bytes', 'peakBytes', 'sram', 'flash'] as const;

async function trained(spec: TrialSpec, store: Store, hooks: TrialHooks): Promise<Outcome> {
  const { base, values, costs } = spec;
  const { recipe, compress: chain } = candidateOf(base, values);
  const ready = await readyFor(recipe, { engine: 'onnxruntime', threads: base.threads });
  const mcu = mcuOf(base);
  const now = costsOf(ready.student.graph, mcu);
  if (costNames.some((name) => now[name] !== costs[name]))
    throw new MoonletError(
      `trial ${spec.trial}: the net has ${JSON.stringify(now)}, and was counted as ${JSON.stringify(costs)}; use the same version of Moonlet everywhere`,
    );
  const limit = base.limits.latencyMs;
  const latencyMs = limit && (await latency(foldNorms(ready.student), { threads: base.threads }));
  const timed = latencyMs === undefined ? {} : { latencyMs };
  const tooSlow = overLimit(timed, base.limits);
  if (tooSlow !== undefined) return { ok: false, body: { error: tooSlow }, ...timed };
  const start = await inherited(ready, spec, store);
  const fitted = await fit(start.ready, spec, store, hooks);
  if (!fitted) return undefined;
  const loss = fitted.history.loss[(spec.until ?? fitted.history.loss.length) - 1] ?? Number.NaN;
  const how = start.how === undefined ? {} : { inherited: start.how };
  if (spec.until !== undefined) {
    const body = { ...costs, accuracy: measureAt(fitted, spec.until), loss, steps: spec.until, ...how };
    return { ok: true, body, ...timed };
  }
  const done = chain === undefined ? { net: fitted.net } : await compressed(ready, fitted.net, chain);
  const accuracy = 'accuracy' in done ? done.accuracy : lastMeasure(fitted, recipe.keep);
  const { params, macs, peakBytes } = cost(done.net.graph);
  const bytes = 'bytes' in done ? done.bytes : costs.bytes;
  const onMcu = mcu ? mcuFigures(done.net.graph, mcu) : {};
  const over = overLimit({ params, macs, bytes, peakBytes, ...onMcu }, base.limits);
  if (over !== undefined) return { ok: false, body: { error: `after compression: ${over}` }, ...timed };
  const weights = await keep(spec, store, done.net, start.ready);
  const measures = {
    ...{ params, macs, bytes, peakBytes, ...onMcu, accuracy, loss },
    steps: fitted.history.loss.length,
  };
  return { ok: true, body: { ...measures, weights, ...how }, ...timed };
}

/** Trains up to `until`, or to the end of the recipe; undefined when the signal came first. */
async function fit(
  ready: Ready,
  { base, trial, until }: TrialSpec,
  store: Store,
  hooks: TrialHooks,
): Promise<Fitted | undefined> {
  const pause = new AbortController();
  const { keep: kept, patience } = ready.recipe;
  // the measure at the end of each rung; without rungs once, unless the recipe looks at it while it trains
  const often = base.stopEarly?.first ?? (kept === 'best' || patience !== undefined ? undefined : 1e8);
  const options: Hooks['options'] = {
    checkpointEvery: base.checkpointEvery,
    ...(often === undefined ? {} : { evaluateEvery: often }),
    ...(await sharedTeacher(ready, store, hooks.signal ? { signal: hooks.signal } : {})),
    signal: AbortSignal.any([pause.signal, ...(hooks.signal ? [hooks.signal] : [])]),
    onStep: ({ step }) => {
      hooks.onStep?.(step);
      if (step === until) pause.abort();
    },
    onResume: (step) => {
      if (until !== undefined && step >= until) pause.abort(); // a later rung has come further
    },
  };
  // the test split is not looked at
  const { data: _, pictures: __, ...unmeasured } = ready;
  const { fitted } = await perform(unmeasured, {
    checkpoints: (stage) => checkpointsIn(store, trial, stage),
    options,
  });
  const reached = until !== undefined && fitted.history.loss.length >= until;
  return fitted.finished || reached ? fitted : undefined;
}

const measureAt = ({ history }: Fitted, step: number): number =>
  history.validation.find(([at]) => at === step)?.[1] ?? Number.NaN;
function lastMeasure({ history: { validation } }: Fitted, kept: 'last' | 'best'): number {
  const measures = validation.map(([, measure]) => measure);
  return kept === 'best' ? Math.max(...measures) : (measures.at(-1) ?? Number.NaN);
}

/** The net after its chain of compression, measured on the held-out examples. */
async function compressed(
  ready: Ready,
  net: Net,
  chain: string,
): Promise<Compressed & { readonly accuracy: number; readonly bytes: number }> {
  const { recipe, data, scale, engine } = ready;
  if (!data)
    throw new MoonletError('compress: needs data in memory, and this recipe reads files of pictures');
  const steps = parseSteps(chain.startsWith('[') ? JSON.parse(chain) : chain, 'compress');
  const result = await compress(net, steps, { data, seed: recipe.seed, runs: 0 });
  const { validation } = await ready.images(() => {});
  if (!validation) throw new Error('internal: no held-out examples');
  const measured =
    'pixels' in validation
      ? await evaluate(result.net, validation, scale, engine)
      : await evaluateStreamed(result.net, validation, scale, engine);
  return { ...result, accuracy: measured.accuracy, bytes: result.file?.length ?? bytesOf(result.net) };
}

/** Keeps the trained net in the store, as a folder that all commands take, and removes the checkpoints. */
async function keep({ trial }: TrialSpec, store: Store, net: Net, ready: Ready): Promise<string> {
  const { graphJson, weights } = pack(net);
  const folder = `trials/${trial}`;
  await store.put(`${folder}/recipe.json`, `${JSON.stringify(ready.recipe, null, 2)}\n`);
  await store.put(`${folder}/weights.safetensors`, weights);
  await store.put(`${folder}/graph.json`, graphJson);
  for (const { stages } of ready.links)
    for (const { name } of stages)
      for (const file of ['last', 'best']) await store.remove(checkpointKey(trial, name, file));
  return createHash('sha256').update(weights).digest('hex').slice(0, 16);
}
