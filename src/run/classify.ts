/** @file What a recipe stands for: nets, images and the parts of the run, all checked against each other; and running it. */

import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compose, loadStudent, studentNames } from '../../zoo/index.ts';
import { zooFolder } from '../../zoo/students.ts';
import { bytesOfImages, type Dataset, loadDataset, type Split } from '../data/index.ts';
import { ensemble, grow, parsePlan } from '../edit/index.ts';
import type { EngineOptions } from '../engine/index.ts';
import { MoonletError, oneLine, UsageError } from '../errors.ts';
import { classesOf, nodeAt, onlyOutput } from '../graph/index.ts';
import {
  addHead,
  type Metadata,
  munge,
  noiseSplit,
  reconstructImages,
  unpackMetadata,
  withOutput,
} from '../learn/distill/index.ts';
import { checkFit, classification, evaluate, type Scale, type Task } from '../learn/task/index.ts';
import {
  type CheckpointStore,
  checkStage,
  type FitTaskOptions,
  type Fitted,
  fitStages,
  type Stage,
} from '../learn/train/index.ts';
import { init, type Net } from '../weights/index.ts';
import type { CustomLoss, LossContext } from './losses.ts';
import { partsOf, studentOf } from './parts.ts';
import { fitOptions, type Recipe, stageRecipes } from './recipe.ts';

/** A net of the run and how it is trained: the assistants, then the student. */
interface Link {
  readonly net: Net;
  readonly stages: readonly Recipe[];
  readonly names: readonly string[];
}
export interface Ready {
  readonly recipe: Recipe;
  readonly student: Net;
  readonly teacher?: Net;
  readonly teachers: Readonly<Record<string, Net>>;
  /** Undefined where a data-free run finds no data: then nothing is measured. */
  readonly data?: Dataset;
  readonly scale: Scale;
  readonly links: readonly Link[];
  readonly context: Omit<LossContext, 'steps'>;
  readonly engine: EngineOptions;
  /** Training images; made on the spot where the recipe says so. */
  images(say: (text: string) => void): Promise<{ train: Split; validation?: Split }>;
}

/** Load what a recipe names, and check everything that can be checked. @throws MoonletError for what does not fit. */
export async function readyFor(recipe: Recipe, engine: EngineOptions = {}): Promise<Ready> {
  const teacher = recipe.ensemble
    ? ensemble(recipe.ensemble.map((name) => loadStudent(name)))
    : recipe.teacher === undefined
      ? undefined
      : loadStudent(recipe.teacher);
  const teachers = Object.fromEntries(
    Object.entries(recipe.teachers ?? {}).map(([name, student]) => [name, loadStudent(student)]),
  );
  const { transfer } = recipe;
  const metadata = transfer?.kind === 'data-free' ? metadataOf(recipe, transfer.metadata) : undefined;
  const data = await (metadata ? loadDataset(recipe.data).catch(() => undefined) : loadDataset(recipe.data));
  const scale: Scale = metadata?.scale ?? (data as Dataset);
  const student = began(recipe, data);
  if (data) {
    if (transfer?.kind === 'noise') bytesOfImages(data.train, 'noise');
    checkFit(student.graph, classesOf(student.graph), data);
    for (const net of [teacher, ...Object.values(teachers)])
      if (net) checkFit(net.graph, recipe.newHead ? data.classes : classesOf(net.graph), data);
  }
  const link = (net: Net, stages: readonly (Recipe & { stage: string })[], prefix = ''): Link => ({
    net,
    names: stages.map((s) => `${prefix}${s.stage}`),
    stages: stages.map(({ stage: _, ...s }) => s),
  });
  const { stages: _, assistants = [], grow: __, growth: ___, train: ____, ...plain } = recipe;
  const links = [
    ...assistants.map((a, i) =>
      link(
        init(compose(a.student), { seed: recipe.seed }),
        stageRecipes({ ...plain, student: a.student, steps: a.steps ?? recipe.steps }),
        `assistant-${i + 1}-`,
      ),
    ),
    link(student, stageRecipes(recipe)),
  ];
  const ready: Ready = {
    recipe,
    student,
    teachers,
    scale,
    links,
    engine,
    context: { compose, ...(await customLosses(recipe)) },
    ...(teacher ? { teacher } : {}),
    ...(data ? { data } : {}),
    images: (say) => imagesOf(recipe, { data, scale, teacher, metadata, engine }, say),
  };
  checkLinks(ready);
  return ready;
}

/** The student as it begins: composed, loaded, grown, or with a head more. */
function began(recipe: Recipe, data: Dataset | undefined): Net {
  const net = studentOf(recipe);
  const grown = recipe.grow ? grow(net, parsePlan(recipe.grow), { seed: recipe.seed }).net : net;
  if (!recipe.newHead) return grown;
  return addHead(grown, {
    name: recipe.newHead.name,
    classes: data?.classes ?? classesOf(net.graph),
    seed: recipe.seed,
  });
}

const empty: Split = { count: 0, pixels: new Uint8Array(), labels: new Uint8Array() };
/** The task without images, which checking does not look at. */
const noBatches: Task = classification(empty, { shape: [1, 1, 1], mean: 0, std: 1 });

/** Every stage of every link, bound to its nets before any of them is trained. */
function checkLinks({ links, teacher, teachers, context }: Ready): void {
  links.forEach(({ net, stages }, i) => {
    const by = links[i - 1]?.net ?? teacher;
    for (const stage of stages) {
      for (const path of stage.train ?? []) nodeAt(net.graph, path);
      checkStage(net, noBatches, { ...fitOptions(stage, context), teachers, ...(by ? { teacher: by } : {}) });
    }
  });
}

/** The files that losses of the user stand in, loaded. */
async function customLosses(recipe: Recipe): Promise<Pick<LossContext, 'custom'>> {
  const all = [...(recipe.losses ?? []), ...(recipe.stages ?? []).flatMap((s) => s.losses ?? [])];
  const files = new Set(all.flatMap((l) => (l.kind === 'custom' ? [l.module] : [])));
  const loaded = new Map<string, Record<string, unknown>>();
  for (const file of files) {
    try {
      loaded.set(file, (await import(pathToFileURL(resolve(file)).href)) as Record<string, unknown>);
    } catch (e) {
      throw new MoonletError(`custom: ${file} cannot be loaded (${oneLine((e as Error).message)})`);
    }
  }
  return {
    custom: (module, name) => {
      const found = loaded.get(module)?.[name];
      if (typeof found === 'function') return found as CustomLoss;
      throw new UsageError(
        `custom: ${module} exports no function "${name}"; a loss is a function of ({ student, teacher }, tf)`,
      );
    },
  };
}

function metadataOf(recipe: Recipe, file?: string): Metadata {
  const teacher = recipe.teacher ?? '';
  const folder = studentNames().includes(teacher) ? join(zooFolder('students'), teacher) : teacher;
  const path = file ?? join(folder, 'metadata.safetensors');
  if (!existsSync(path))
    throw new MoonletError(
      `${path}: no record of the teacher; make one where there are data: npm run zoo -- metadata ${teacher}`,
    );
  return unpackMetadata(readFileSync(path), path);
}

interface Sources {
  readonly data: Dataset | undefined;
  readonly scale: Scale;
  readonly teacher: Net | undefined;
  readonly metadata: Metadata | undefined;
  readonly engine: EngineOptions;
}
async function imagesOf(
  recipe: Recipe,
  { data, scale, teacher, metadata, engine }: Sources,
  say: (text: string) => void,
): Promise<{ train: Split; validation?: Split }> {
  const { transfer, seed } = recipe;
  if (transfer?.kind === 'data-free') {
    const { images, steps, rate, layers, smooth } = transfer;
    const train = await reconstructImages(teacher as Net, metadata as Metadata, {
      ...{ images, steps, rate, layers, smooth, seed, ...engine },
      onBatch: (done, first, last) =>
        say(`${done} of ${images} images made; objective ${first.toFixed(2)} -> ${last.toFixed(2)}`),
    });
    return { train };
  }
  if (transfer?.kind === 'noise')
    return { train: noiseSplit(scale, transfer.images, (data as Dataset).classes, seed) };
  const parts = partsOf(recipe, data as Dataset);
  if (transfer?.kind !== 'munge') return parts;
  const train = munge(parts.train, { ...transfer, seed });
  say(`${train.count} images made of ${parts.train.count} by MUNGE`);
  return { ...parts, train };
}

export interface Hooks {
  readonly checkpoints?: (stage: string) => CheckpointStore;
  readonly say?: (text: string) => void;
  readonly onStage?: (stage: Stage) => void;
  readonly options?: Partial<FitTaskOptions>;
}
export interface Done {
  readonly fitted: Fitted;
  /** On the data's test split. */
  readonly accuracy?: number;
  readonly n?: number;
  /** Of the old head on the old data, where a new one was added. */
  readonly oldAccuracy?: number;
  readonly notes: readonly string[];
}

/** Run what is ready: the assistants in order, then the student in its stages; then measure. */
export async function perform(ready: Ready, hooks: Hooks = {}): Promise<Done> {
  const { recipe, links, engine, scale, data } = ready;
  const say = hooks.say ?? (() => {});
  const { train, validation } = await ready.images(say);
  const notes: string[] = [];
  let by = ready.teacher;
  let fitted: Fitted | undefined;
  for (const { net, stages, names } of links) {
    const teaches = by ? { teacher: by } : {};
    const task = classification(train, scale, {
      ...fitOptions(recipe, ready.context),
      ...(validation ? { validation } : {}),
    });
    const parts = stages.map(
      (s, i): Stage => ({
        ...fitOptions(s, ready.context),
        ...engine,
        ...teaches,
        teachers: ready.teachers,
        ...hooks.options,
        name: names[i] as string,
        onNotes: (all) => {
          for (const text of all) say(text);
          notes.push(...all);
        },
      }),
    );
    fitted = await fitStages(net, task, parts, {
      ...(hooks.checkpoints ? { checkpoints: hooks.checkpoints } : {}),
      ...(hooks.onStage ? { onStage: hooks.onStage } : {}),
    });
    if (!fitted.finished) return { fitted, notes };
    by = fitted.net;
  }
  const done = fitted as Fitted;
  if (!data) return { fitted: done, notes };
  const { accuracy, n } = await evaluate(done.net, data.test, data, engine);
  return { fitted: done, accuracy, n, notes, ...(await oldOf(ready, done.net)) };
}

/** What the old head is still worth on the old data. */
async function oldOf({ recipe, teacher, engine }: Ready, net: Net): Promise<{ oldAccuracy?: number }> {
  const old = recipe.newHead?.oldData;
  if (old === undefined || !teacher) return {};
  const data = await loadDataset(old);
  const { accuracy } = await evaluate(withOutput(net, onlyOutput(teacher.graph)), data.test, data, engine);
  return { oldAccuracy: accuracy };
}
