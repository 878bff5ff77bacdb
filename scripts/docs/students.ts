/** @file Writes the tables of docs/students.md from the cards. `--check` only says whether they are as they should be. */
import { readFileSync, writeFileSync } from 'node:fs';
import { page, pageText } from '../zoo/page.ts';

const now = pageText();
if (!process.argv.includes('--check')) {
  writeFileSync(page, now);
  console.log(`${page}: written`);
} else {
  const good = now === readFileSync(page, 'utf8');
  console.log(
    good ? `${page} is as the cards are` : `${page} is not as the cards are; run npm run docs -- students`,
  );
  process.exitCode = good ? 0 : 1;
}
