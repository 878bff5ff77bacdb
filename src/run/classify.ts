/** @file Resolves a recipe to nets, images and stages, checks them against each other, and runs it. */
import { compose, loadStudent } from '../../zoo/index.ts';
import {
  bytesOfImages,
  type Dataset,
  isPictures,
  loadDataset,
  type PictureSet,
  type Split,
} from '../data/index.ts';
import { ensemble, grow, parsePlan } from '../edit/index.ts';
import type { EngineOptions } from '../engine/index.ts';
import { classesOf, nodeAt, onlyOutput } from '../graph/index.ts';
import { addHead, type Metadata, withOutput } from '../learn/distill/index.ts';
import {
  checkFit,
  classification,
  evaluate,
  evaluateStreamed,
  type Scale,
  type Task,
} from '../learn/task/index.ts';
import {
  type CheckpointStore,
  checkStage,
  type FitTaskOptions,
  type Fitted,
  fitStages,
  type Stage,
} from '../learn/train/index.ts';
import { init, type Net } from '../weights/index.ts';
import { fitOptions } from './fit-options.ts';
import type { LossContext } from './losses.ts';
import { studentOf } from './parts.ts';
import { dataFor, type PictureHow, picturesFor } from './pictures.ts';
import { type Recipe, stageRecipes } from './recipe.ts';
import { customLosses, type Images, imagesOf, metadataOf } from './sources.ts';

/** A net of the run and how it is trained: the assistants, then the student. */
interface Link {
  readonly net: Net;
  readonly stages: readonly { readonly name: string; readonly recipe: Recipe }[];
}
/** A recipe with all that it names loaded and checked. */
export interface Ready {
  readonly recipe: Recipe;
  readonly student: Net;
  readonly teacher?: Net;
  readonly teachers: Readonly<Record<string, Net>>;
  /** Undefined where a data-free run finds no data: then nothing is measured; and where there are `pictures`. */
  readonly data?: Dataset;
  /** Files of pictures, which are read while the run needs them. */
  readonly pictures?: PictureSet;
  readonly scale: Scale;
  readonly links: readonly Link[];
  readonly context: Omit<LossContext, 'steps'>;
  readonly engine: EngineOptions;
  /** Training images; made on the spot where the recipe says so. */
  images(say: (text: string) => void): Promise<Images>;
}

/** Loads what a recipe names, and checks everything that can be checked. @throws MoonletError for what does not fit. */
export async function readyFor(
  recipe: Recipe,
  engine: EngineOptions = {},
  how: PictureHow = {},
): Promise<Ready> {
  const teacher = teacherOf(recipe);
  const teachers = Object.fromEntries(
    Object.entries(recipe.teachers ?? {}).map(([name, student]) => [name, loadStudent(student)]),
  );
  const { transfer } = recipe;
  const metadata = transfer?.kind === 'data-free' ? metadataOf(recipe, transfer.metadata) : undefined;
  const { data, pictures, scale } = await dataOf(recipe, metadata, how);
  const about = data ?? pictures;
  const student = firstStudent(recipe, about);
  if (about) checkData(recipe, about, data, { student, others: [teacher, ...Object.values(teachers)] });
  const ready: Ready = {
    recipe,
    student,
    teachers,
    scale,
    links: linksOf(recipe, student),
    engine,
    context: { compose, ...(await customLosses(recipe)) },
    ...(teacher ? { teacher } : {}),
    ...(data ? { data } : {}),
    ...(pictures ? { pictures } : {}),
    images: (say) => imagesOf(recipe, { data, pictures, scale, teacher, metadata, engine }, say),
  };
  await checkLinks(ready);
  return ready;
}

function teacherOf({ teacher, ensemble: members }: Recipe): Net | undefined {
  if (members) return ensemble(members.map((name) => loadStudent(name)));
  return teacher === undefined ? undefined : loadStudent(teacher);
}

/** The dataset, or pictures; a data-free run does without where it is not installed. */
async function dataOf(
  recipe: Recipe,
  metadata: Metadata | undefined,
  how: PictureHow,
): Promise<Pick<Partial<Ready>, 'data' | 'pictures'> & { readonly scale: Scale }> {
  const { data: name } = recipe;
  if (metadata) {
    const found = await loadDataset(name).catch(() => undefined);
    return { ...(found ? { data: found } : {}), scale: metadata.scale };
  }
  if (isPictures(name)) {
    const net = { name: recipe.student, graph: studentOf(recipe).graph };
    // images that are made of others are made of all of them
    const data = recipe.transfer ? await dataFor(name, net, how) : undefined;
    if (data) return { data, scale: data };
    const pictures = await picturesFor(name, net, how);
    return { pictures, scale: pictures };
  }
  const data = await loadDataset(name);
  return { data, scale: data };
}

/** @throws MoonletError when a net does not take the images or has other classes; UsageError for noise in place of floats. */
function checkData(
  { transfer, newHead }: Recipe,
  about: Dataset | PictureSet,
  data: Dataset | undefined,
  { student, others }: { readonly student: Net; readonly others: readonly (Net | undefined)[] },
): void {
  if (transfer?.kind === 'noise' && data) bytesOfImages(data.train, 'noise');
  checkFit(student.graph, classesOf(student.graph), about);
  for (const net of others)
    if (net) checkFit(net.graph, newHead ? about.classes : classesOf(net.graph), about);
}

/** The assistants of a recipe, then its student, each with its stages. */
function linksOf(recipe: Recipe, student: Net): readonly Link[] {
  const link = (net: Net, of: Recipe, prefix = ''): Link => ({
    net,
    stages: stageRecipes(of).map(({ stage, ...rest }) => ({ name: `${prefix}${stage}`, recipe: rest })),
  });
  const { stages: _, assistants = [], grow: __, growth: ___, train: ____, ...plain } = recipe;
  return [
    ...assistants.map((a, i) =>
      link(
        init(compose(a.student), { seed: recipe.seed }),
        { ...plain, student: a.student, steps: a.steps ?? recipe.steps },
        `assistant-${i + 1}-`,
      ),
    ),
    link(student, recipe),
  ];
}

/** The student before its first step: composed or loaded, then grown or given one more head. */
function firstStudent(recipe: Recipe, data: Pick<Dataset, 'classes'> | undefined): Net {
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
/** A task without images, since the check of a stage reads none. */
const noImages = ({ augment }: Recipe): Task =>
  classification(empty, { shape: [1, 1, 1], mean: 0, std: 1 }, augment ? { augment } : {});

/** Every stage of every link, bound to its nets before any of them is trained. */
async function checkLinks({ links, teacher, teachers, context }: Ready): Promise<void> {
  let previous = teacher;
  for (const { net, stages } of links) {
    for (const { recipe } of stages) {
      for (const path of recipe.train ?? []) nodeAt(net.graph, path);
      const options = await fitOptions(recipe, context);
      checkStage(net, noImages(recipe), { ...options, teachers, ...(previous ? { teacher: previous } : {}) });
    }
    previous = net;
  }
}

/** What a caller of `perform` may watch and set. */
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

/** Runs what is ready: the assistants in order, then the student in its stages; then measures. */
export async function perform(ready: Ready, hooks: Hooks = {}): Promise<Done> {
  const { recipe, links, engine, scale, data, pictures } = ready;
  const say = hooks.say ?? (() => {});
  const { train, validation } = await ready.images(say);
  const notes: string[] = [];
  const onNotes = (texts: readonly string[]): void => {
    for (const text of texts) say(text);
    notes.push(...texts);
  };
  const task = classification(train, scale, {
    ...(await fitOptions(recipe, ready.context)),
    ...(validation ? { validation } : {}),
  });
  let teacher = ready.teacher;
  let fitted: Fitted | undefined;
  for (const link of links) {
    const stages: Stage[] = [];
    for (const { name, recipe: stage } of link.stages)
      stages.push({
        ...(await fitOptions(stage, ready.context)),
        ...engine,
        ...(teacher ? { teacher } : {}),
        ...{ teachers: ready.teachers, ...hooks.options, name, onNotes },
      });
    fitted = await fitStages(link.net, task, stages, {
      ...(hooks.checkpoints ? { checkpoints: hooks.checkpoints } : {}),
      ...(hooks.onStage ? { onStage: hooks.onStage } : {}),
    });
    if (!fitted.finished) return { fitted, notes };
    teacher = fitted.net;
  }
  if (!fitted) throw new Error('internal: a run without a student');
  const measured = pictures
    ? await evaluateStreamed(fitted.net, await pictures.test(), scale, engine)
    : data && (await evaluate(fitted.net, data.test, data, engine));
  if (!measured) return { fitted, notes };
  const { accuracy, n } = measured;
  return { fitted, accuracy, n, notes, ...(await oldOf(ready, fitted.net)) };
}

/** The accuracy of the old head on the old data. */
async function oldOf({ recipe, teacher, engine }: Ready, net: Net): Promise<{ oldAccuracy?: number }> {
  const old = recipe.newHead?.oldData;
  if (old === undefined || !teacher) return {};
  const data = await loadDataset(old);
  const { accuracy } = await evaluate(withOutput(net, onlyOutput(teacher.graph)), data.test, data, engine);
  return { oldAccuracy: accuracy };
}
