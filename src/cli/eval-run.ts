/** @file The implementation of `moonlet eval`. */
import { loadStudent } from '../../zoo/students.ts';
import { loadDataset } from '../data/index.ts';
import type { EngineName } from '../engine/names.ts';
import { UsageError } from '../errors.ts';
import { classesOf } from '../graph/index.ts';
import { checkFit, evaluate } from '../learn/task/index.ts';
import { cost } from '../read/cost.ts';
import { dataOf } from '../run/files.ts';
import { bytesOf } from '../weights/index.ts';

/** The accuracy of a student, a fraction of 1, with its size. @throws MoonletError when net and data do not fit. */
export async function evaluated(
  name: string,
  wanted: string | undefined,
  engine: { readonly engine: EngineName; readonly threads?: number },
) {
  const net = loadStudent(name);
  const known = wanted ?? dataOf(name);
  if (known === undefined)
    throw new UsageError(`eval: the card of ${name} names no dataset; give one by --data`);
  const data = await loadDataset(known);
  checkFit(net.graph, classesOf(net.graph), data);
  const { accuracy, n } = await evaluate(net, data.test, data, engine);
  return {
    id: name,
    data: data.name,
    accuracy,
    n,
    params: cost(net.graph).params,
    bytes: bytesOf(net),
    engine: engine.engine,
    note: data.note,
  };
}
