/** @file The tables of docs/students.md: every shipped net, its cost and accuracy, and the gain from its teacher. */
import { readFileSync } from 'node:fs';
import { count } from '../../src/cli/say.ts';
import { type Card, readCard, studentNames } from '../../zoo/index.ts';
import { marks, remarked, table } from '../lib/markdown.ts';

export const page = 'docs/students.md';
const place = marks('npm run docs -- students');

const share = (x: number): string => (100 * x).toFixed(2);

/** The architecture as words, without what the data asks of every net. */
const made = ({ architecture: { name, options }, block }: Card): string => {
  const own = Object.entries(options).filter(([key]) => !['classes', 'size', 'channels'].includes(key));
  return `\`${[name, ...own.map(([key, value]) => `${key}=${value}`)].join(' ')}\`${block ? ` \`${block}\`` : ''}`;
};

const row = (card: Card): string[] => {
  const { withTeacher, withoutTeacher } = card;
  const gain =
    withTeacher === undefined || withoutTeacher === undefined
      ? ['', '', '']
      : [share(withTeacher), share(withoutTeacher), (100 * (withTeacher - withoutTeacher)).toFixed(2)];
  return [
    `\`${card.id.split('/')[1]}\``,
    made(card),
    count(card.params),
    count(card.macs),
    `${share(card.accuracy)} (${card.interval95.map(share).join(' to ')})`,
    ...(card.packaged ? [share(card.packaged.accuracy)] : []),
    ...gain,
    card.teacher === undefined ? 'teacher' : card.methods.filter((m) => m !== 'cross-entropy').join(', '),
    count(card.epochs),
  ];
};

/**
 * Multiply-adds of all runs that a card needs: 3 of the forward pass for each image of each step (forward, and the gradients of inputs
 * and of weights), with its teacher and without, for each seed. The forward passes of the teacher are not counted.
 */
function training({ recipe, macs, bySeed }: Card): number {
  const [steps, batch] = [Number(recipe['steps']), Number(recipe['batch'])];
  return 3 * macs * steps * batch * (bySeed ? 2 * bySeed.length : 1);
}

/** What training everything again takes. */
function total(cards: readonly Card[]): string {
  const sum = cards.reduce((macs, card) => macs + training(card), 0);
  const runs = cards.reduce((n, { bySeed }) => n + (bySeed ? 2 * bySeed.length : 1), 0);
  const most = [...cards].sort((a, b) => training(b) - training(a)).slice(0, 3);
  return `All nets of these tables together take ${count(runs)} runs and ${tera(sum)} multiply-adds of training (three times the forward pass of each image of each step, without the passes of teachers); the largest parts are ${most.map((card) => `\`${card.id}\` with ${tera(training(card))}`).join(', ')}. \`npm run zoo -- train ID\` makes each again.`;
}
const tera = (macs: number): string => `${count(Math.round(macs / 1e12))} x 10^12`;

/** One table for each dataset: its teachers first, then by size. */
function tables(): string {
  const cards = studentNames().map(readCard);
  const parts = [...new Set(cards.map((c) => c.data))].map((data) => {
    const own = cards.filter((c) => c.data === data);
    const order = (c: Card): number => (c.teacher === undefined ? -c.params : 1 / c.params);
    const rows = [...own].sort((a, b) => order(a) - order(b)).map(row);
    const { n, note, packaged } = own[0] as Card;
    const head = [
      ...['net', 'architecture', 'params', 'multiply-adds', 'accuracy (95 %)'],
      ...(packaged ? [`of npm's ${count(packaged.n)}`] : []),
      ...['with teacher', 'without', 'gain', 'method', 'epochs'],
    ];
    return [
      `## ${data}`,
      `Of ${count(n)} test images.${note ? ` ${note}` : ''}`,
      table([head, ...rows], [0, 1, head.indexOf('method')]),
    ].join('\n\n');
  });
  return [...parts, total(cards)].join('\n\n');
}

/** The whole page with the tables of today's cards. */
export function pageText(): string {
  return remarked(readFileSync(page, 'utf8'), place, tables());
}
