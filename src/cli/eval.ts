/** @file `moonlet eval`: how often a student is right on the test split. */
import type { Command } from 'commander';
import { loadStudent } from '../../zoo/index.ts';
import { datasets, loadDataset } from '../data/index.ts';
import { engineNamed, engineNames, threadsOf } from '../engine/index.ts';
import { classesOf } from '../graph/index.ts';
import { checkFit, evaluate } from '../learn/task/index.ts';
import { cost } from '../read/index.ts';
import { dataOf } from '../run/index.ts';
import { bytesOf } from '../weights/index.ts';
import { count, note, percent, print, printJson } from './say.ts';

export const evalCommand = (program: Command): void => {
  program
    .command('eval')
    .description('evaluate a student on the test split of its dataset')
    .argument('<student>', '<dataset>/<id>, or a folder with graph.json and weights.safetensors')
    .option(
      '--data <name>',
      `${datasets.join(' or ')}; the student's own unless told, as its card says, else mnist`,
    )
    .option('--engine <name>', engineNames.join(', '), 'onnxruntime')
    .option('--threads <n>', 'of onnxruntime; one for each core unless told')
    .option('--json', 'print one JSON document')
    .action(async (name: string, o: { data?: string; engine: string; threads?: string; json?: boolean }) => {
      const engine = { engine: engineNamed(o.engine), ...threadsOf(o.threads) };
      const net = loadStudent(name);
      const data = await loadDataset(o.data ?? dataOf(name) ?? 'mnist');
      checkFit(net.graph, classesOf(net.graph), data);
      const { accuracy, n } = await evaluate(net, data.test, data, engine);
      const result = {
        id: name,
        data: data.name,
        accuracy,
        n,
        params: cost(net.graph).params,
        bytes: bytesOf(net),
        engine: engine.engine,
      };
      if (o.json) return printJson(result);
      print(
        `${name}: ${percent(accuracy)} of ${count(n)} test images of ${data.name}, ${count(result.params)} parameters, by ${engine.engine}`,
      );
      if (data.note) note(data.note);
    });
};
