/** @file `moonlet eval`: the accuracy of a student on the test split. */
import type { Command } from 'commander';
import { findStudent } from '../../zoo/folders.ts';
import { checkDataset, datasets } from '../data/index.ts';
import { engineFlag, engineHelp, threadsOf } from '../engine/names.ts';
import { checkMetricsFile, metricsIn, metricsText, writeMetrics } from './metrics.ts';
import { picturesBy, skipHelp } from './picture-flags.ts';
import { count, note, percent, print, printJson } from './say.ts';

interface Flags {
  readonly data?: string;
  readonly engine?: string;
  readonly threads?: string;
  readonly skipDamaged?: boolean;
  readonly metrics?: boolean;
  readonly out?: string;
  readonly json?: boolean;
}

export const evalCommand = (command: Command): void => {
  command
    .argument(
      '<student>',
      '<dataset>/<id>, a folder with graph.json and weights.safetensors, or an .onnx file',
    )
    .option(
      '--data <name>',
      `the dataset: ${datasets.join(', ')}, or a path: a dataset.json, a folder of IDX files, or a folder or CSV of pictures (default: the dataset on the student's card)`,
    )
    .option('--skip-damaged', skipHelp)
    .option('--engine <name>', engineHelp)
    .option('--threads <n>', 'threads of onnxruntime (default: one for each core)')
    .option(
      '--metrics',
      'also precision, recall and counts of each class, and the confusion matrix (with --json in the document)',
    )
    .option('--out <file>', 'write the metrics of all classes to a .csv or .json file')
    .option('--json', 'print one JSON document (default: one line of text)')
    .action(run);
};

async function run(name: string, flags: Flags): Promise<void> {
  const engine = { ...engineFlag(flags.engine), ...threadsOf(flags.threads) };
  findStudent(name);
  if (flags.data !== undefined) checkDataset(flags.data);
  if (flags.out !== undefined) checkMetricsFile(flags.out);
  const { evaluated } = await import('./eval-run.ts');
  const { note: about, metrics, ...result } = await evaluated(name, flags.data, engine, picturesBy(flags));
  if (flags.out !== undefined) {
    writeMetrics(flags.out, metrics);
    note(`metrics of ${count(metrics.labels.length)} classes written to ${flags.out}`);
  }
  if (flags.json) return printJson(flags.metrics ? { ...result, metrics: metricsIn(metrics) } : result);
  const { accuracy, top5, n, data, params } = result;
  const five = top5 === undefined ? '' : ` (top-5 ${percent(top5)})`;
  print(
    `${name}: ${percent(accuracy)}${five} of ${count(n)} test images of ${data}, ${count(params)} parameters, by ${result.engine}`,
  );
  if (flags.metrics) print(`\n${metricsText(metrics)}`);
  if (about) note(about);
}
