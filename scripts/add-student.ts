/**
 * @file Puts a trained net into the zoo: evaluates it on the test split and writes its folder with the card.
 * `tsx scripts/add-student.ts RUN DATASET/ID --recipe FILE [--teacher DATASET/ID]`, where RUN is the folder of a
 * finished `fit` or `distill`.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { outFolder, readText, saveNet, writeAtomically } from '../src/cli/files.ts';
import { loadDataset } from '../src/data/index.ts';
import { bytesOf, cost } from '../src/index.ts';
import { evaluate, parseRecipe } from '../src/learn/index.ts';
import { type Card, loadStudent } from '../zoo/index.ts';

const program = new Command()
  .argument('<run>')
  .argument('<name>', 'DATASET/ID')
  .option('--teacher <name>')
  .requiredOption('--recipe <file>', 'the committed recipe that made it')
  .option('--force')
  .parse();
const [run = '', name = ''] = program.args;
const {
  teacher,
  recipe,
  force = false,
} = program.opts<{ teacher?: string; recipe: string; force?: boolean }>();

const net = loadStudent(run);
const made = parseRecipe(JSON.parse(readText(join(run, 'recipe.json'))));
const data = await loadDataset(made.data);
const { accuracy, n } = await evaluate(net, data.test, data);
const { params, macs } = cost(net.graph);

const folder = outFolder(join('zoo', 'students', name), force);
saveNet(folder, net);
const sha256 = (file: string): string =>
  createHash('sha256')
    .update(readFileSync(join(folder, file)))
    .digest('hex');
const card: Card = {
  id: name,
  data: data.name,
  ...(teacher ? { teacher } : {}),
  accuracy,
  n,
  params,
  macs,
  bytes: bytesOf(net),
  ...(data.note ? { note: data.note } : {}),
  license: 'Apache-2.0',
  commands: [
    `npm run -s moonlet -- ${made.teacher ? 'distill' : 'fit'} ${recipe} --out out/run`,
    `npm run -s moonlet -- eval ${name} --json`,
  ],
  sha256: { 'graph.json': sha256('graph.json'), 'weights.safetensors': sha256('weights.safetensors') },
};
writeAtomically(join(folder, 'card.json'), `${JSON.stringify(card, null, 2)}\n`);
console.log(`${folder}: ${accuracy} of ${n}`);
