/** @file Resolves a recipe to nets, images and stages, checks them against each other, and runs it. */
import { compose, loadStudent } from '../../zoo/index.ts';
import {
  bytesOfImages,
  type Dataset,
  isPictures,
  loadDataset,
  type PictureSet,
  pictureSet,
  type Split,
} from '../data/index.ts';
import { ensemble } from '../edit/index.ts';
import type { EngineOptions } from '../engine/index.ts';
import { MoonletError } from '../errors.ts';
import { classesOf, onlyOutput } from '../graph/index.ts';
import { type Metadata, withOutput } from '../learn/distill/index.ts';
import { checkInput } from '../learn/task/data-check.ts';
import {
  checkFit,
  classification,
  evaluate,
  evaluateStreamed,
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
import type { Net } from '../weights/index.ts';
import { overlapNotes } from './files.ts';
import { fitOptions, usualLosses } from './fit-options.ts';
import { type Link, linksOf } from './links.ts';
import { comparesClasses, type LossContext } from './losses.ts';
import { partsOf } from './parts.ts';
import { optionsFor, type PictureHow } from './pictures.ts';
import { type Recipe, stageRecipes, taughtOf } from './recipe.ts';
import { customLosses, type Images, imagesOf, metadataOf } from './sources.ts';
import { firstStudent, type Start, startOn, startOnPictures } from './start.ts';
import { type Teachers, teacherPictures, teacherPreparation } from './teacher-pictures.ts';

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
  /** The data as the teachers take them, where their cards say otherwise than the student's. */
  readonly teacherData?: Dataset;
  readonly links: readonly Link[];
  readonly context: Omit<LossContext, 'steps'>;
  readonly engine: EngineOptions;
  /** What was changed of the student so that it fits the data, and what had to be assumed, as texts for the user. */
  readonly notes: readonly string[];
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
  const found = await dataOf(recipe, metadata, how, { teacher, teachers });
  const { data, pictures, teacherData, scale, start } = found;
  const about = data ?? pictures;
  const student = firstStudent(recipe, start.net, about);
  if (about) checkData(recipe, about, found, { student, others: [teacher, ...Object.values(teachers)] });
  const ready: Ready = {
    recipe,
    student,
    notes: [...start.notes, ...overlapNotes(recipe)],
    teachers,
    scale,
    links: linksOf(recipe, student),
    engine,
    context: { compose, ...(await customLosses(recipe)) },
    ...(teacher ? { teacher } : {}),
    ...(data ? { data } : {}),
    ...(teacherData ? { teacherData } : {}),
    ...(pictures ? { pictures } : {}),
    images: (say) => imagesOf(recipe, { data, pictures, scale, teacher, metadata, engine }, say),
  };
  await checkLinks(ready);
  return ready;
}

/** The net that teaches by a recipe: one, or the ensemble of several; undefined when it names none. */
export function teacherOf({ teacher, ensemble: members }: Recipe): Net | undefined {
  if (members) return ensemble(members.map((name) => loadStudent(name)));
  return teacher === undefined ? undefined : loadStudent(teacher);
}

/** What a run trains on and is measured on, and the net that begins with it. */
interface Found extends Pick<Partial<Ready>, 'data' | 'pictures' | 'teacherData'> {
  readonly scale: Scale;
  readonly start: Start;
}
/** The dataset, or pictures, which a data-free run does without where it is not installed, and the net that begins with it. */
async function dataOf(
  recipe: Recipe,
  metadata: Metadata | undefined,
  how: PictureHow,
  teaching: Teachers,
): Promise<Found> {
  const { data: name } = recipe;
  if (metadata) {
    const found = await loadDataset(name).catch(() => undefined);
    return { ...(found ? { data: found } : {}), scale: metadata.scale, start: startOn(recipe, found) };
  }
  if (!isPictures(name)) {
    const data = await loadDataset(name);
    return { data, scale: data, start: startOn(recipe, data) };
  }
  const start = await startOnPictures(recipe);
  const { told, keepsHead, net } = start;
  const options = keepsHead ? optionsFor(net.graph, told, how) : { ...how, preparation: told.preparation };
  const theirs = teacherPreparation(recipe, options.preparation, teaching);
  // images that are made of others are made of all of them; a teacher's own stand beside the student's in memory
  if (recipe.transfer || theirs) {
    const data = await loadDataset(name, { pictures: options });
    const teacherData = theirs && (await teacherPictures(name, data, theirs, how));
    return { data, scale: data, start, ...(teacherData ? { teacherData } : {}) };
  }
  const pictures = await pictureSet(name, options);
  return { pictures, scale: pictures, start };
}

/**
 * @throws MoonletError when a net does not take the images, or has other classes where classes are compared; UsageError for
 * noise in place of floats.
 */
function checkData(
  recipe: Recipe,
  about: Dataset | PictureSet,
  { data, teacherData }: Pick<Partial<Ready>, 'data' | 'teacherData'>,
  { student, others }: { readonly student: Net; readonly others: readonly (Net | undefined)[] },
): void {
  if (recipe.transfer?.kind === 'noise' && data) bytesOfImages(data.train, 'noise');
  checkFit(student.graph, classesOf(student.graph), about);
  const losses = stageRecipes(recipe).flatMap((stage) => stage.losses ?? usualLosses(taughtOf(recipe)));
  const compared = losses.find(comparesClasses);
  for (const net of others) {
    if (!net) continue;
    const { graph } = net;
    const classes = classesOf(graph);
    if (compared && !recipe.newHead && classes !== about.classes)
      throw new MoonletError(
        `${graph.name}: has ${classes} classes, but ${about.name} has ${about.classes}, and the loss ${compared.kind} compares classes; fine-tune the teacher on them first, or distill its features (attention, hints, fsp, darkrank)`,
      );
    checkInput(graph, (teacherData ?? about).shape, `the images of ${about.name} are`);
  }
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
  /** Where there are more than five classes. */
  readonly top5?: number;
  readonly n?: number;
  /** Of the old head on the old data, where a new one was added. */
  readonly oldAccuracy?: number;
  readonly notes: readonly string[];
}

/** Runs what is ready: assistants or generations in order, then the student in its stages; then measures. */
export async function perform(ready: Ready, hooks: Hooks = {}): Promise<Done> {
  const { recipe, links, engine, scale, data, pictures } = ready;
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
    // a net of the run that teaches sees what the student sees
    fitted = await fitStages(link.net, taskFor(i === 0 ? theirs : undefined), stages, {
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
  const { accuracy, top5, n } = measured;
  const five = top5 === undefined ? {} : { top5 };
  return { fitted, accuracy, ...five, n, notes, ...(await oldOf(ready, fitted.net)) };
}

/** The accuracy of the old head on the old data. */
async function oldOf({ recipe, teacher, engine }: Ready, net: Net): Promise<{ oldAccuracy?: number }> {
  const old = recipe.newHead?.oldData;
  if (old === undefined || !teacher) return {};
  const data = await loadDataset(old);
  const { accuracy } = await evaluate(withOutput(net, onlyOutput(teacher.graph)), data.test, data, engine);
  return { oldAccuracy: accuracy };
}
