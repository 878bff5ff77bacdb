/** @file The implementation of `moonlet eval`. */
import { loadStudent } from '../../zoo/students.ts';
import { isPictures, loadDataset, pictureSet } from '../data/index.ts';
import { type EngineName, inferenceEngine } from '../engine/index.ts';
import { UsageError } from '../errors.ts';
import { classesOf } from '../graph/index.ts';
import { checkFit, type Evaluation, evaluate, evaluateStreamed } from '../learn/task/index.ts';
import { cost } from '../read/cost.ts';
import { dataOf, overlapNote } from '../run/files.ts';
import { optionsFor, type PictureHow, pictureCard } from '../run/pictures.ts';
import { bytesOf, type Net } from '../weights/index.ts';
import { note } from './say.ts';

interface Engine {
  readonly engine?: EngineName;
  readonly threads?: number;
}
interface Measured {
  readonly evaluation: Evaluation;
  readonly data: string;
  /** Names of the classes by index. */
  readonly labels: readonly string[];
  readonly note?: string | undefined;
}

/** The accuracy of a student, a fraction of 1, with its size. @throws MoonletError when net and data do not fit. */
export async function evaluated(
  name: string,
  wanted: string | undefined,
  engine: Engine,
  how: PictureHow = {},
) {
  const net = loadStudent(name);
  const data = wanted ?? dataOf(name);
  if (data === undefined)
    throw new UsageError(`eval: the card of ${name} names no dataset; give one by --data`);
  const overlap = overlapNote(name, data);
  if (overlap) note(overlap);
  const measured = isPictures(data)
    ? await onPictures(name, net, data, engine, how)
    : await onImages(net, data, engine);
  const { accuracy, top5, n } = measured.evaluation;
  return {
    id: name,
    data: measured.data,
    accuracy,
    ...(top5 === undefined ? {} : { top5 }),
    n,
    params: cost(net.graph).params,
    bytes: bytesOf(net),
    engine: await inferenceEngine(engine),
    note: measured.note,
    metrics: { labels: measured.labels, evaluation: measured.evaluation },
  };
}

async function onImages(net: Net, name: string, engine: Engine): Promise<Measured> {
  const data = await loadDataset(name);
  checkFit(net.graph, classesOf(net.graph), data);
  const evaluation = await evaluate(net, data.test, data, engine);
  return { evaluation, labels: data.classNames, data: data.name, note: data.note };
}

/** Pictures are read in batches, from a cache of decoded ones. */
async function onPictures(
  name: string,
  net: Net,
  data: string,
  engine: Engine,
  how: PictureHow,
): Promise<Measured> {
  const told = pictureCard(name, net.graph);
  if (told.note) note(told.note);
  const set = await pictureSet(data, optionsFor(net.graph, told, how));
  checkFit(net.graph, classesOf(net.graph), set);
  const evaluation = await evaluateStreamed(net, await set.test(), set, engine);
  return { evaluation, labels: set.classNames, data: set.name, note: set.note };
}
