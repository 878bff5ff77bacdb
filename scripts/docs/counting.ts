/**
 * @file Writes the tables of docs/counting.md: one net by all conventions, the figures of single layers, and the models of which a
 * tool sees only a part.
 *
 *   npm run docs -- counting
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { countingParts } from '../../test/support/counting-page.ts';
import { marks, remarked } from '../lib/markdown.ts';

const page = 'docs/counting.md';
let text = readFileSync(page, 'utf8');
for (const [what, content] of Object.entries(countingParts()))
  text = remarked(text, marks('scripts/docs/counting.ts', what), content);
writeFileSync(page, text);
console.log(`${page}: written`);
