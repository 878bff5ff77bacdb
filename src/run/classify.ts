/** @file Resolves a recipe to nets, images and stages, checks them against each other, and runs it. */
import { compose, loadStudent } from '../../zoo/index.ts';
import { bytesOfImages, type Dataset, isPictures, loadDataset, type Split } from '../data/index.ts';
import { ensemble, grow, parsePlan } from '../edit/index.ts';
import type { EngineOptions } from '../engine/index.ts';
import { MoonletError } from '../errors.ts';
import { classesOf, nodeAt, onlyOutput } from '../graph/index.ts';
import { addHead, type Metadata, withOutput } from '../learn/distill/index.ts';
import { checkInput } from '../learn/task/data-check.ts';
import {
  checkFit,
  classification,
  evaluate,
  type Scale,
  type Task,
  type TeacherImages,
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
import { fitOptions, usualLosses } from './fit-options.ts';
import { comparesClasses, type LossContext } from './losses.ts';
import { partsOf, studentOf } from './parts.ts';
import { dataFor, type PictureHow } from './pictures.ts';
import { type Recipe, stageRecipes, taughtOf } from './recipe.ts';
import { customLosses, type Images, imagesOf, metadataOf } from './sources.ts';
import { teacherPictures } from './teacher-pictures.ts';

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
  /** Undefined where a data-free run finds no data: then nothing is measured. */
  readonly data?: Dataset;
  readonly scale: Scale;
  /** The data as the teachers take them, where their cards say otherwise than the student's. */
  readonly teacherData?: Dataset;
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
  pictures: PictureHow = {},
): Promise<Ready> {
  const teacher = teacherOf(recipe);
  const teachers = Object.fromEntries(
    Object.entries(recipe.teachers ?? {}).map(([name, student]) => [name, loadStudent(student)]),
  );
  const { transfer } = recipe;
  const metadata = transfer?.kind === 'data-free' ? metadataOf(recipe, transfer.metadata) : undefined;
  const { data, scale } = await dataOf(recipe, metadata, pictures);
  const student = firstStudent(recipe, data);
  const teacherData = data && (await dataOfTeachers(recipe, data, { teacher, teachers }, pictures));
  if (data) checkData(recipe, data, { student, teacherData, others: [teacher, ...Object.values(teachers)] });
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
    ...(teacherData ? { teacherData } : {}),
    images: (say) => imagesOf(recipe, { data, scale, teacher, metadata, engine }, say),
  };
  await checkLinks(ready);
  return ready;
}

function teacherOf({ teacher, ensemble: members }: Recipe): Net | undefined {
  if (members) return ensemble(members.map((name) => loadStudent(name)));
  return teacher === undefined ? undefined : loadStudent(teacher);
}

/** The dataset, which a data-free run does without where it is not installed. */
async function dataOf(
  recipe: Recipe,
  metadata: Metadata | undefined,
  pictures: PictureHow,
): Promise<{ readonly data?: Dataset | undefined; readonly scale: Scale }> {
  const { data: name } = recipe;
  if (metadata) return { data: await loadDataset(name).catch(() => undefined), scale: metadata.scale };
  const data = isPictures(name)
    ? await dataFor(name, { name: recipe.student, graph: studentOf(recipe).graph }, pictures)
    : await loadDataset(name);
  return { data, scale: data };
}

/** Pictures as the teachers take them. @throws MoonletError when they are made of the student's, or teachers disagree. */
async function dataOfTeachers(
  recipe: Recipe,
  data: Dataset,
  { teacher, teachers }: { readonly teacher: Net | undefined; readonly teachers: Ready['teachers'] },
  pictures: PictureHow,
): Promise<Dataset | undefined> {
  const names = recipe.teacher === undefined ? (recipe.ensemble ?? []) : [recipe.teacher];
  const named = [
    ...(teacher ? names.map((name) => ({ name, graph: teacher.graph })) : []),
    ...Object.entries(teachers).map(([key, { graph }]) => ({ name: recipe.teachers?.[key] ?? key, graph })),
  ];
  const seen = await teacherPictures(recipe.data, data, named, pictures);
  if (seen && recipe.transfer)
    throw new MoonletError(
      `${recipe.transfer.kind}: makes images as the student takes them, and the teacher takes others; use a teacher with the student's preprocessing`,
    );
  if (seen && recipe.assistants && recipe.teachers)
    throw new MoonletError(
      "teachers: assistants see pictures as the student does, and these teachers otherwise; leave one of the two out, or name teachers with the student's preprocessing",
    );
  return seen;
}

/**
 * @throws MoonletError when a net does not take the images, or has other classes where classes are compared; UsageError for
 * noise in place of floats.
 */
function checkData(
  recipe: Recipe,
  data: Dataset,
  {
    student,
    teacherData = data,
    others,
  }: {
    readonly student: Net;
    readonly teacherData: Dataset | undefined;
    readonly others: readonly (Net | undefined)[];
  },
): void {
  if (recipe.transfer?.kind === 'noise') bytesOfImages(data.train, 'noise');
  checkFit(student.graph, classesOf(student.graph), data);
  const losses = stageRecipes(recipe).flatMap((stage) => stage.losses ?? usualLosses(taughtOf(recipe)));
  const compared = losses.find(comparesClasses);
  for (const net of others) {
    if (!net) continue;
    const { graph } = net;
    const classes = classesOf(graph);
    if (compared && !recipe.newHead && classes !== data.classes)
      throw new MoonletError(
        `${graph.name}: has ${classes} classes, but ${data.name} has ${data.classes}, and the loss ${compared.kind} compares classes; fine-tune the teacher on them first, or distill its features (attention, hints, fsp, darkrank)`,
      );
    checkInput(graph, teacherData.shape, `the images of ${data.name} are`);
  }
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
function firstStudent(recipe: Recipe, data: Dataset | undefined): Net {
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
const noImages: Task = classification(empty, { shape: [1, 1, 1], mean: 0, std: 1 });

/** Every stage of every link, bound to its nets before any of them is trained. */
async function checkLinks({ links, teacher, teachers, context }: Ready): Promise<void> {
  let previous = teacher;
  for (const { net, stages } of links) {
    for (const { recipe } of stages) {
      for (const path of recipe.train ?? []) nodeAt(net.graph, path);
      const options = await fitOptions(recipe, context);
      checkStage(net, noImages, { ...options, teachers, ...(previous ? { teacher: previous } : {}) });
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
  const { recipe, links, engine, scale, data } = ready;
  const say = hooks.say ?? (() => {});
  const { train, validation } = await ready.images(say);
  const notes: string[] = [];
  const onNotes = (texts: readonly string[]): void => {
    for (const text of texts) say(text);
    notes.push(...texts);
  };
  const options = await fitOptions(recipe, ready.context);
  const taskFor = (teacherImages?: TeacherImages): Task =>
    classification(train, scale, {
      ...options,
      ...(validation ? { validation } : {}),
      ...(teacherImages ? { teacherImages } : {}),
    });
  const theirs = ready.teacherData && {
    ...ready.teacherData,
    train: partsOf(recipe, ready.teacherData).train,
  };
  if (theirs) say(`the teacher sees the same pictures as its card says, ${theirs.shape.join(' x ')}`);
  let teacher = ready.teacher;
  let fitted: Fitted | undefined;
  for (const [i, link] of links.entries()) {
    const stages: Stage[] = [];
    for (const { name, recipe: stage } of link.stages)
      stages.push({
        ...(await fitOptions(stage, ready.context)),
        ...engine,
        ...(teacher ? { teacher } : {}),
        ...{ teachers: ready.teachers, ...hooks.options, name, onNotes },
      });
    // an assistant that teaches sees what the student sees
    fitted = await fitStages(link.net, taskFor(i === 0 ? theirs : undefined), stages, {
      ...(hooks.checkpoints ? { checkpoints: hooks.checkpoints } : {}),
      ...(hooks.onStage ? { onStage: hooks.onStage } : {}),
    });
    if (!fitted.finished) return { fitted, notes };
    teacher = fitted.net;
  }
  if (!fitted) throw new Error('internal: a run without a student');
  if (!data) return { fitted, notes };
  const { accuracy, n } = await evaluate(fitted.net, data.test, data, engine);
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
