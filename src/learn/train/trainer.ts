/** @file One step of a run: the traced function, the teachers, and the inputs that change from step to step. */
import { type EngineOptions, prepare } from '../../engine/index.ts';
import { MoonletError } from '../../errors.ts';
import { type Graph, inputShape, printShape, type Shape, sizeOf } from '../../graph/index.ts';
import type { Arrays, Specs } from '../../jit/index.ts';
import { type Bound, bind, type Teachers } from '../loss/bind.ts';
import { crossEntropy } from '../loss/cross-entropy.ts';
import type { LossMaker } from '../loss/loss.ts';
import { oneCycle, type Schedule, scheduleOf } from '../loss/schedule.ts';
import { checkCount, checkSeed } from '../options.ts';
import type { Batch } from '../task/batches.ts';
import { checkInput } from '../task/data-check.ts';
import { checkSameImages, checkTargets, type Task } from '../task/task.ts';
import { type Average, checkAverage } from './average.ts';
import { checkBatchSize } from './batch-check.ts';
import { type Fresh, freshShare, freshShares } from './fresh.ts';
import { type Optimizer, sgd } from './optimizer.ts';
import { step as makeStep, targetInput } from './step.ts';
import { averageInput, checkScalars, randomAt, scalar, scalarsAt } from './step-inputs.ts';
import type { TeacherCache } from './teacher.ts';
import { guides } from './teachers.ts';
import { type TuningOptions, tuningNotes, tuningOf } from './tuning.ts';
import { firstVariables } from './variables.ts';
import type { Form } from './weight-form.ts';

export interface TrainerOptions extends EngineOptions, Teachers, TuningOptions {
  readonly steps: number;
  /** Examples in a batch; 64 by default. */
  readonly batch?: number;
  readonly seed?: number;
  /** The losses, whose weighted sum is minimized; plain cross-entropy by default. */
  readonly losses?: readonly LossMaker[];
  /** By default SGD with Nesterov momentum 0.9 and weight decay 5e-4. */
  readonly optimizer?: Optimizer;
  /** The learning rate, a number or a function of the step; by default one cycle with peak 0.1. */
  readonly rate?: number | Schedule;
  /** Keeps the teacher's values by image and view; it pays where views are few. */
  readonly teacherCache?: TeacherCache;
  /**
   * Keeps an exponential moving average (EMA) of the weights and of the running statistics of norms, such as 0.999, or
   * `{ decay: 0.9999, warmup: true }`. The averages are what is evaluated, kept as best, and returned.
   */
  readonly ema?: Average;
  /** The form of the weights in training, such as quantized; the trained net has its weights in that form. */
  readonly form?: Form;
}
export interface StepReport {
  /** Steps done, 1 .. steps. */
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  /** Each loss by name, before its weight. */
  readonly losses: Readonly<Record<string, number>>;
  /** The accuracy on this batch with the weights before the step; only where there are labels. */
  readonly accuracy?: number;
  readonly rate: number;
}
export interface Trainer {
  readonly specs: Specs;
  /** The arrays that the optimizer keeps for each weight, by name. */
  readonly slots: Optimizer['slots'];
  /** What is trained: the student, and what its losses put beside it. */
  readonly graph: Graph;
  /** What the losses chose for the pair, as texts for the user. */
  readonly notes: readonly string[];
  /** The first values of the variables of the losses, by their places in the state. */
  readonly variables: ReadonlyMap<string, Float32Array>;
  /** The trained student with what the losses take over from `whole`, the net with the nodes beside it. */
  readonly merged: Bound['merged'];
  /** Does step `at`, 0 .. steps - 1. @throws MoonletError when the loss is NaN or infinite. */
  run(state: Arrays, at: number): Promise<{ readonly state: Arrays; readonly report: StepReport }>;
  release(): Promise<void>;
}

/** The options of a run that say where it runs, onnxruntime by default. */
export const engineOf = ({
  engine = 'onnxruntime',
  threads,
  runtime,
  modelCache,
}: EngineOptions): EngineOptions => ({
  engine,
  ...(modelCache === undefined ? {} : { modelCache }),
  ...(threads === undefined ? {} : { threads }),
  ...(runtime ? { runtime } : {}),
});
/** The optimizer of a run that names none. */
export const usualOptimizer = (): Optimizer => sgd({ nesterov: true, weightDecay: 5e-4 });
/** The learning rate of a run that names none. */
export const usualRate = (steps: number): Schedule => oneCycle({ steps, peak: 0.1 });

/**
 * @param fresh what growth made anew in the student, and how it warms up.
 * @throws MoonletError when nets, data, task and losses do not fit together, or a batch norm would see one value.
 * @throws UsageError for options out of range.
 */
export async function trainer(
  student: Graph,
  task: Task,
  o: TrainerOptions,
  fresh?: Fresh,
): Promise<Trainer> {
  const { steps, batch = 64, seed = 0, ema } = o;
  checkCount('steps', steps);
  checkSeed('seed', seed);
  if (ema !== undefined) checkAverage(ema);
  const engine = engineOf(o);
  const bound = boundFor(student, task, o);
  const { losses, graph } = bound;
  const tuning = tuningOf(student, o);
  const optimizer = o.optimizer ?? usualOptimizer();
  const rate = scheduleOf(o.rate ?? usualRate(steps));
  checkData(student, task, o);
  checkScalars(losses, rate, steps);
  const next = task.batches({ batch, seed, steps });
  const { teacherCache: _, ...uncached } = o;
  const teachers = await guides(losses, task.mixesLabels ? uncached : o, engine);
  const plan = makeStep({
    graph,
    losses,
    optimizer,
    batch,
    targets: task.targets,
    teacher: teachers.shapes,
    averaged: ema !== undefined,
    ...(tuning
      ? { trained: (node) => bound.isBeside(node) || tuning.trained(node), scale: tuning.scale }
      : {}),
    ...(o.form ? { form: o.form } : {}),
    ...(fresh ? { fresh: new Set(fresh.masks.keys()), warmups: fresh.warmups.length } : {}),
  });
  const runner = await prepare(plan.fn, plan.specs, { ...engine, key: plan.key });
  let started = false;
  return {
    specs: plan.specs.state,
    slots: optimizer.slots,
    graph,
    variables: firstVariables(losses, seed),
    merged: bound.merged,
    notes: [
      ...bound.notes,
      ...(task.mixesLabels && teachers.shapes.size ? [mixedNote] : []),
      ...tuningNotes(student, tuning),
    ],
    release: async () => {
      await runner.release();
      await teachers.release();
    },
    run: async (before, at) => {
      const seen = await next(at);
      checkBatch(seen, student, batch);
      // a task that says no shape may show the teacher something else
      if (!started && !seen.teacherX) checkTeachers(o, inputShape(student));
      if (!started && seen.teacherX) checkSameImages(losses);
      started = true;
      const inputs: Record<string, Float32Array | Int32Array> = {
        x: seen.x,
        ...scalarsAt(losses, rate, at),
        ...(ema === undefined ? {} : averageInput(ema, at)),
        ...(fresh ? { [freshShare]: freshShares(fresh, at) } : {}),
        ...randomAt(losses, plan.noise, { batch, seed, at }),
        ...(losses.some((l) => l.readsExamples) ? { examples: Int32Array.from(seen.images) } : {}),
      };
      for (const [name, value] of Object.entries(seen.targets)) inputs[targetInput(name)] = value;
      for (const [name, value] of Object.entries(optimizer.numbers(at + 1)))
        inputs[`optimizer/${name}`] = scalar(value);
      for (const [id, value] of await teachers.of(seen)) inputs[`teacher/${id}`] = value;
      const { state, outputs } = await runner.run(before, inputs);
      const read = (key: string): number => Number(outputs[key]?.[0]);
      const loss = read('loss');
      if (!Number.isFinite(loss)) {
        throw new MoonletError(
          `step ${at + 1}: the loss is ${loss}; lower the learning rate or check the data`,
        );
      }
      const parts = Object.fromEntries(losses.map((l) => [l.name, read(`loss/${l.name}`)]));
      const accuracy = 'correct' in outputs ? { accuracy: read('correct') / batch } : {};
      return { state, report: { step: at + 1, steps, loss, losses: parts, ...accuracy, rate: rate(at) } };
    },
  };
}

const mixedNote =
  'mixup and CutMix: the teacher sees the mixed images, so that its values are computed anew each time';

/**
 * A run's losses bound to its nets.
 * @throws MoonletError when they do not fit nets or task, or the batch is too small; UsageError when it is none.
 */
export function boundFor(
  student: Graph,
  task: Task,
  { losses = [crossEntropy()], batch = 64, ...o }: Omit<TrainerOptions, 'steps'>,
): Bound {
  checkCount('batch', batch);
  const bound = bind(student, losses, o, task.examples);
  checkTargets(bound.graph, bound.losses, task);
  checkBatchSize(bound, batch, tuningOf(student, o)?.trained);
  return bound;
}

/** @throws MoonletError when the data do not fit the student, or a teacher does not take what it will see. */
function checkData(student: Graph, task: Task, teachers: Teachers): void {
  task.check?.(student);
  if (task.shape) checkInput(student, task.shape, 'the images are');
  const seen = task.teacherShape ?? task.shape;
  if (seen) checkTeachers(teachers, seen);
}
function checkTeachers({ teacher, teachers }: Teachers, seen: Shape): void {
  for (const net of [teacher, ...Object.values(teachers ?? {})])
    if (net) checkInput(net.graph, seen, 'the images are');
}

/** @throws MoonletError when a task gives other batches than were asked for. */
function checkBatch({ x, images }: Batch, student: Graph, batch: number): void {
  const shape = inputShape(student);
  if (x.length === batch * sizeOf(shape) && images.length === batch) return;
  throw new MoonletError(
    `${student.name}: expects batches of ${batch} examples of ${printShape(shape)}, ${batch * sizeOf(shape)} values, and the task gave ${x.length} values of ${images.length} examples`,
  );
}
