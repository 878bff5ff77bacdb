/** @file The tables of the real searches: what was found, beside the shipped students of that size, and growth beside fresh weights. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { count, percent } from '../../src/cli/say.ts';
import { table } from './markdown.ts';

/** A search and its winner. Accuracies are fractions. */
export interface Finished {
  readonly data: string;
  /** Parameters at most. */
  readonly limit: number;
  readonly sampler: string;
  readonly trials: number;
  /** Trials that were trained to their end. */
  readonly whole: number;
  /** Of all trials together. */
  readonly hours: number;
  readonly student: string;
  /** Its teacher, if one of the shipped nets. */
  readonly teacher?: string;
  readonly params: number;
  readonly macs: number;
  readonly heldOut: number;
  /** Of the final training. */
  readonly steps: number;
  readonly test: number;
  readonly n: number;
}
export interface Seeded {
  readonly seed: number;
  readonly trials: number;
  /** Trials that began with the weights of their parent. */
  readonly grown: number;
  readonly hours: readonly [inherited: number, fresh: number];
  /** The best held-out accuracies. */
  readonly inherited: number;
  readonly fresh: number;
}

const cardShape = z.object({
  id: z.string(),
  data: z.string(),
  params: z.number(),
  macs: z.number(),
  accuracy: z.number(),
  n: z.number(),
});
type Card = z.output<typeof cardShape>;

const cardOf = (id: string, folder = 'zoo/students'): Card =>
  cardShape.parse(JSON.parse(readFileSync(join(folder, id, 'card.json'), 'utf8')));

/** The most accurate shipped student of at most so many parameters, else the one with the fewest. */
export function shipped(data: string, limit: number, folder = 'zoo/students'): Card | undefined {
  const cards = readdirSync(join(folder, data)).map((id) => cardOf(join(data, id), folder));
  const small = cards.filter((c) => c.params <= limit);
  const sorted = small.length
    ? [...small].sort((a, b) => b.accuracy - a.accuracy)
    : [...cards].sort((a, b) => a.params - b.params);
  return sorted[0];
}

export function searchTable(found: readonly Finished[]): string {
  const rows: string[][] = [];
  const remarks = new Set<string>();
  for (const [i, f] of found.entries()) {
    const name = `\`${f.data}\`, at most ${count(f.limit)}`;
    rows.push([
      ...[name, f.sampler, `${f.trials} (${f.whole})`, f.hours.toFixed(2), f.student],
      ...[count(f.params), count(f.macs), percent(f.heldOut), percent(f.test)],
    ]);
    const taught = f.teacher === undefined ? undefined : cardOf(f.teacher);
    if (taught && taught.data !== f.data)
      remarks.add(
        `The teacher \`${taught.id}\` was trained on \`${taught.data}\`, which has other images, some of them perhaps of the test split.`,
      );
    if (found[i + 1]?.data === f.data) continue;
    const card = shipped(f.data, f.limit);
    if (!card) continue;
    rows.push([
      name,
      'shipped',
      '',
      '',
      `\`${card.id}\``,
      count(card.params),
      count(card.macs),
      '',
      percent(card.accuracy),
    ]);
    if (card.params > f.limit)
      remarks.add(`No shipped student of ${f.data} has so few parameters; that with the fewest is shown.`);
    if (card.data !== f.data)
      remarks.add(
        `\`${card.id}\` was measured on the test images of \`${card.data}\`, not on those of the search.`,
      );
  }
  const head = [
    'data, parameters',
    'by',
    'trials (whole)',
    'hours of trials',
    'student',
    'params',
    'multiply-adds',
    'held-out',
    'test',
  ];
  const [first] = found;
  const how = first
    ? `The winner by held-out accuracy is trained anew for ${[...new Set(found.map((f) => count(f.steps)))].join(' or ')} steps; it is measured once on the ${count(first.n)} test images.`
    : '';
  return [table([head, ...rows], [0, 1, 4]), [how, ...remarks].filter(Boolean).join(' ')].join('\n\n');
}

/** Student's t for a two-sided interval of 95 %, by degrees of freedom from 1. */
const t95 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];

/** The mean, and half the width of its interval of 95 %; NaN for one number or more than ten. */
export function meanInterval(numbers: readonly number[]): readonly [mean: number, half: number] {
  const mean = numbers.reduce((a, b) => a + b, 0) / numbers.length;
  const variance = numbers.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (numbers.length - 1);
  return [mean, (t95[numbers.length - 2] ?? Number.NaN) * Math.sqrt(variance / numbers.length)];
}

export function growthTable(seeds: readonly Seeded[]): string {
  const points = (x: number): string => `${x < 0 ? '' : '+'}${(100 * x).toFixed(2)}`;
  const rows = seeds.map((s) => [
    ...[`${s.seed}`, `${s.trials}`, `${s.grown}`, percent(s.inherited), percent(s.fresh)],
    ...[points(s.inherited - s.fresh), s.hours.map((h) => h.toFixed(2)).join(', ')],
  ]);
  const [mean, half] = meanInterval(seeds.map((s) => s.inherited - s.fresh));
  const interval = Number.isNaN(half)
    ? ''
    : `, 95 % interval ${points(mean - half)} to ${points(mean + half)}`;
  const head = ['seed', 'trials', 'grown', 'inherited', 'fresh', 'difference', 'hours of trials'];
  return [
    table([head, ...rows], []),
    `Best held-out accuracies with the same trials and steps. Mean difference ${points(mean)} points${interval} (Student's t over ${seeds.length} seeds).`,
  ].join('\n\n');
}
