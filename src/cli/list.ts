/** @file `moonlet list`: architectures, students and recipes, and the options of one architecture. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import {
  architectures,
  compose,
  detectionArchitectures,
  segmentationArchitectures,
} from '../../zoo/architectures/index.ts';
import { recipeNames, studentFolder, studentNames } from '../../zoo/folders.ts';
import { pretrainedNets } from '../../zoo/pretrained.ts';
import type { Architecture } from '../compose/index.ts';
import { suggestion, UsageError } from '../errors.ts';
import { count, percent, print, printJson } from './say.ts';
import { tableOf } from './tables.ts';

export const listCommand = (command: Command): void => {
  command
    .argument('[arch]', 'an architecture, whose options are listed with their meaning, range and default')
    .option('--pretrained', 'list the pretrained nets of the Hugging Face hub that "moonlet pull" takes')
    .option('--json', 'print one JSON document (default: tables)')
    .action(
      async (name: string | undefined, { json, pretrained }: { json?: boolean; pretrained?: boolean }) => {
        if (pretrained) return listPretrained(name, json ?? false);
        if (name !== undefined) return listOptions(name, json ?? false);
        if (json) return printJson(await everything());
        printEverything();
      },
    );
};

/** Classifiers, and nets that segment images. */
const listed = new Map([...architectures, ...segmentationArchitectures, ...detectionArchitectures]);

/** The options of an architecture as data. */
const optionsOf = ({ options }: Architecture): Record<string, object> =>
  Object.fromEntries(
    Object.entries(options).map(([key, o]) => [key, { default: o.default, range: o.range, doc: o.doc }]),
  );

function listOptions(name: string, json: boolean): void {
  const arch = listed.get(name);
  if (!arch) {
    compose(name); // refuses the name, with a suggestion
    throw new UsageError(`list takes only the name of an architecture; remove the options in "${name}"`);
  }
  const { paper } = arch;
  if (json) return printJson({ name, options: optionsOf(arch), paper });
  const rows = Object.entries(arch.options).map(([key, o]) => [key, String(o.default), o.range, o.doc]);
  print(
    `${name}: ${paper.authors}, ${paper.title}, ${paper.year}${paper.arxiv ? `, arXiv:${paper.arxiv}` : ''}\n`,
  );
  print(tableOf([['option', 'default', 'range', 'meaning'], ...rows]));
}

/** The nets of the hub, or those of one architecture. */
function listPretrained(arch: string | undefined, json: boolean): void {
  const nets = pretrainedNets().filter(
    (net) => arch === undefined || net.architecture.split(' ')[0] === arch,
  );
  if (arch !== undefined && !nets.length)
    throw new UsageError(
      `list --pretrained: no net of "${arch}".${suggestion(arch, [...architectures.keys()])} Leave it out for all`,
    );
  if (json) return printJson(nets);
  const rows = nets.map(({ name, architecture, input, classes, params, license }) => [
    `timm/${name}`,
    architecture,
    `${input[1]}`,
    count(classes),
    count(params),
    license ?? '',
  ]);
  print(tableOf([['net', 'architecture', 'size', 'classes', 'params', 'licence'], ...rows], [2, 3, 4]));
  print('\n"moonlet pull NET" fetches one.');
}

/** All that `--json` says, with whole cards and recipes. */
async function everything(): Promise<object> {
  const { readCard } = await import('../../zoo/students.ts');
  const { pairs } = await import('../run/pairs.ts');
  return {
    architectures: [...listed].map(([name, arch]) => ({
      name,
      options: optionsOf(arch),
      paper: arch.paper,
    })),
    students: studentNames().map((id) => {
      const card = readCard(id);
      return { id, teacher: card.teacher ?? null, card };
    }),
    pairs: pairs().flatMap(({ id, teacher, stages, recipe }) =>
      teacher === undefined ? [] : [{ student: id, teacher, stages, recipe }],
    ),
    recipes: recipeNames(),
  };
}

function printEverything(): void {
  const rows = [...listed].map(([name, { paper }]) => [
    name,
    `${shortened(paper.authors)} ${paper.year}`,
    paper.arxiv ?? '',
  ]);
  print(tableOf([['architecture', 'paper', 'arXiv'], ...rows]));
  const students = studentNames().map((name) => {
    const { accuracy, params, teacher } = cardFigures(name);
    return [name, percent(accuracy), count(params), teacher];
  });
  if (students.length)
    print(`\n${tableOf([['student', 'accuracy', 'params', 'teacher'], ...students], [1, 2])}`);
  print(
    `\n${tableOf([['recipes of distill and fit'], [recipeNames().join(', ')]], [], process.stdout.columns ?? 80)}`,
  );
  print('\n"moonlet list ARCH" lists the options of an architecture.');
}

/** "Howard, Zhu, Chen" as "Howard et al.". */
function shortened(authors: string): string {
  const [first = '', ...others] = authors.split(', ');
  return others.length > 1 ? `${first} et al.` : [first, ...others].join(' and ');
}

/** Figures of a shipped card, read without its schema, which would load zod. */
function cardFigures(name: string): { accuracy: number; params: number; teacher: string } {
  const card: { accuracy?: number; params?: number; teacher?: string } = JSON.parse(
    readFileSync(join(studentFolder(name), 'card.json'), 'utf8'),
  );
  const { accuracy = Number.NaN, params = Number.NaN, teacher = '' } = card;
  return { accuracy, params, teacher };
}
