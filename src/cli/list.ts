/** @file `moonlet list`: what there is. */
import type { Command } from 'commander';
import { architectures, readCard, studentNames } from '../../zoo/index.ts';
import { columns } from '../read/index.ts';
import { pairs } from '../run/index.ts';
import { count, percent, print, printJson } from './say.ts';

export const listCommand = (program: Command): void => {
  program
    .command('list')
    .description('list architectures with their options, and trained students with their teachers')
    .option('--json', 'print one JSON document')
    .action(({ json }: { json?: boolean }) => {
      const students = studentNames().map((name) => ({ name, card: readCard(name) }));
      if (json) {
        printJson({
          architectures: [...architectures].map(([name, { options, paper }]) => ({
            name,
            options: Object.fromEntries(
              Object.entries(options).map(([key, o]) => [
                key,
                { default: o.default, range: o.range, doc: o.doc },
              ]),
            ),
            paper,
          })),
          students: students.map(({ name, card }) => ({ id: name, teacher: card.teacher ?? null, card })),
          pairs: pairs().flatMap(({ id, teacher, stages, recipe }) =>
            teacher === undefined ? [] : [{ student: id, teacher, stages, recipe }],
          ),
        });
        return;
      }
      const rows = [...architectures].map(([name, { options, paper }]) => [
        name,
        Object.entries(options)
          .map(([key, o]) => `${key}=${o.default}`)
          .join(' '),
        `${paper.authors} ${paper.year}${paper.arxiv ? `, arXiv:${paper.arxiv}` : ''}`,
      ]);
      print(columns([['architecture', 'options and their defaults', 'paper'], ...rows]));
      const trained = students.map(({ name, card }) => [
        name,
        percent(card.accuracy),
        count(card.params),
        card.teacher ?? '',
      ]);
      if (trained.length)
        print(`\n${columns([['student', 'accuracy', 'params', 'teacher'], ...trained], [1, 2])}`);
    });
};
