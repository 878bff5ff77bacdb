/**
 * @file Takes the pictures of the page in docs/page, in light, dark and on a narrow screen, with headless Chromium: `npm run docs -- page`.
 * Nets are trained for two of them, so that it takes some minutes.
 */
import { mkdirSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { BrowserContext, Page as Tab } from 'playwright-core';
import { print } from '../../src/cli/say.ts';
import { servePage } from '../../src/cli/web-server.ts';
import { launched } from '../lib/browser.ts';
import { withWord } from '../lib/known.ts';
import { buildPage, folder } from '../page/build.ts';
import { ownFiles } from '../page/own-files.ts';
import { openView, partOf, textThat, type ViewName } from '../page/tab.ts';

interface Shot {
  readonly file: string;
  readonly view: ViewName;
  readonly query?: string;
  readonly width?: number;
  readonly scheme?: 'light' | 'dark';
  /** What is done before the picture is taken. */
  act?(tab: Tab): Promise<void>;
}

const example = async (tab: Tab): Promise<void> => {
  await partOf(tab, 'draw', 'button').filter({ hasText: 'Example' }).click();
  await partOf(tab, 'draw', '.maps canvas').first().waitFor();
};
const press = (tab: Tab, view: ViewName, name: RegExp): Promise<void> =>
  partOf(tab, view, 'button').filter({ hasText: name }).click();
const pair = '?x=macs&net=fashion-mnist%2Fwrn-16-2-bg24&with=fashion-mnist%2Fwrn-16-2';

const distilled = async (tab: Tab): Promise<void> => {
  await press(tab, 'distill', /^Train$/);
  await textThat(partOf(tab, 'distill', '[data-result]'), /%.*%/, 900_000);
};
const grown = async (tab: Tab): Promise<void> => {
  await partOf(tab, 'grow', 'input[aria-label="Width of stage2"]').fill('3');
  await press(tab, 'grow', /^Grow$/);
  await partOf(tab, 'grow', '[data-difference]').waitFor();
  await press(tab, 'grow', /Train on/);
  await textThat(partOf(tab, 'grow', '[data-grow-status]'), /200 steps/, 900_000);
};
const brought = async (tab: Tab): Promise<void> => {
  const { onnx, folder: pictures } = await ownFiles('fashion-mnist/fitnet-1', 24);
  await partOf(tab, 'own', 'input[data-files]').setInputFiles(onnx);
  await partOf(tab, 'own', '.graph .box').first().waitFor();
  await partOf(tab, 'own', 'select').last().selectOption('Fashion-MNIST');
  await partOf(tab, 'own', 'input[aria-label="Folder"]').setInputFiles(pictures);
  await textThat(partOf(tab, 'own', '[data-gallery]'), /are right/);
};

const ran = async (tab: Tab): Promise<void> => {
  await partOf(tab, 'docs', '.sample [data-run]').first().click();
  await partOf(tab, 'docs', '[data-output="done"]').waitFor();
};

const shots: readonly Shot[] = [
  { file: 'explore', view: 'explore', query: pair },
  { file: 'explore-dark', view: 'explore', query: pair, scheme: 'dark' },
  { file: 'explore-375', view: 'explore', width: 375 },
  { file: 'compose', view: 'compose' },
  { file: 'draw', view: 'draw', act: example },
  { file: 'draw-375-dark', view: 'draw', width: 375, scheme: 'dark', act: example },
  { file: 'distill', view: 'distill', act: distilled },
  { file: 'grow-dark', view: 'grow', scheme: 'dark', act: grown },
  { file: 'own', view: 'own', act: brought },
  { file: 'docs', view: 'docs', query: '/guides/own-data', act: ran },
  { file: 'docs-nets-dark', view: 'docs', query: '/nets', scheme: 'dark' },
];

async function taken(context: BrowserContext, site: { readonly url: string }, shot: Shot): Promise<void> {
  const { file, view, query = '', act } = shot;
  const tab = await openView(context, site, view, query);
  await act?.(tab);
  if (view !== 'docs') await tab.evaluate(() => scrollTo(0, 0)); // the bar is above the whole page
  await tab.evaluate(async () => void (await document.fonts.ready));
  await tab.waitForTimeout(500);
  // pages of the documentation are long
  await tab.screenshot({ path: join('docs/page', `${file}.png`), fullPage: view !== 'docs' });
  print(`docs/page/${file}.png`);
}

const chosen = withWord(shots, ({ file }) => file, process.argv[2] ?? '', 'picture');
await buildPage();
mkdirSync('docs/page', { recursive: true });
const server = await servePage(folder, '127.0.0.1', 0);
const site = { url: `http://localhost:${(server.address() as AddressInfo).port}` };
const browser = await launched();
for (const shot of chosen) {
  const { width = 1440, scheme = 'light' } = shot;
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: scheme });
  await taken(context, site, shot);
  await context.close();
}
await browser.close();
server.closeAllConnections();
server.close();
