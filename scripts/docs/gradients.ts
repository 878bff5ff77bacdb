/**
 * @file Writes the table of docs/tracing.md: every kernel of tf that a trace can hold, and which cases guard its gradient.
 *
 *   npm run docs -- gradients
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { guardRows } from '../../test/support/gradients.ts';
import { marks, remarked, table } from '../lib/markdown.ts';

const page = 'docs/tracing.md';
const content = table(await guardRows(), [0, 1, 2]);
writeFileSync(page, remarked(readFileSync(page, 'utf8'), marks('scripts/docs/gradients.ts'), content));
