/** @file A tab of the built page for checks: its address, its views, and what it asked of the network. */
import type { BrowserContext, Locator, Page as Tab } from 'playwright-core';

export interface Site {
  readonly url: string;
}
export interface Verdict {
  readonly isRight: boolean;
  readonly said: string;
}
export interface PageCheck {
  readonly name: string;
  /** Whether the page keeps its files for offline use, as usual, which loads all of them. */
  readonly isKept?: boolean;
  run(context: BrowserContext, site: Site): Promise<Verdict>;
}

export const viewNames = ['explore', 'compose', 'draw', 'distill', 'grow', 'own', 'docs'] as const;
export type ViewName = (typeof viewNames)[number];

/** Requests of all checks that did not go to the page's own server. */
export const foreign = new Set<string>();

/** A new tab with a view that is ready. */
export async function openView(
  context: BrowserContext,
  { url }: Site,
  view: ViewName,
  query = '',
): Promise<Tab> {
  const tab = await context.newPage();
  tab.on('request', (request) => {
    if (!request.url().startsWith(url) && !/^(blob|data):/.test(request.url())) foreign.add(request.url());
  });
  await tab.goto(`${url}/#/${view}${query}`);
  await ready(tab, view);
  return tab;
}

/** Waits until a view can be used. */
export async function ready(tab: Tab, view: ViewName): Promise<void> {
  const signs: Readonly<Record<ViewName, string>> = {
    explore: '.graph .box',
    compose: '.graph .box',
    draw: '.pad canvas',
    distill: '.settings',
    grow: '.stage',
    own: '.drop',
    docs: '.docs h1',
  };
  await partOf(tab, view, signs[view]).first().waitFor({ timeout: 60_000 });
}

/** A part of a view. */
export const partOf = (tab: Tab, view: ViewName, selector: string): Locator =>
  tab.locator(`section[data-view="${view}"] ${selector}`);

/** Goes to another view by its link. */
export async function goTo(tab: Tab, view: ViewName): Promise<void> {
  await tab.locator(`.tabs a[href="#/${view}"]`).click();
  await ready(tab, view);
}

/** Waits until a text of a part fits; gives the text. */
export async function textThat(part: Locator, pattern: RegExp, timeout = 60_000): Promise<string> {
  const end = Date.now() + timeout;
  for (;;) {
    const text = (await part.allTextContents()).join(' | ');
    if (pattern.test(text)) return text;
    if (Date.now() > end) throw new Error(`"${text.slice(0, 200)}" does not become ${String(pattern)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export const verdict = (isRight: boolean, said: string): Verdict => ({ isRight, said });

/** A visit that leaves the page with its service worker, after which there is no network. */
export async function goneOffline(context: BrowserContext, site: Site): Promise<void> {
  const first = await openView(context, site, 'explore');
  await first.waitForFunction(() => navigator.serviceWorker.controller !== null, null, { timeout: 60_000 });
  await first.close();
  await context.setOffline(true);
}
