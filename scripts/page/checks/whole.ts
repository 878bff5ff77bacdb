/** @file Checks of the page as a whole: accessibility, widths, sizes and first paint, and that it asks nobody else. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { BrowserContext, Page as Tab } from 'playwright-core';
import { measured } from '../sizes.ts';
import {
  foreign,
  goneOffline,
  goTo,
  openView,
  type PageCheck,
  partOf,
  ready,
  textThat,
  verdict,
  viewNames,
} from '../tab.ts';

export const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8');
interface Found {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}
declare const axe: { run(): Promise<{ readonly violations: readonly Found[] }> };

/** What axe-core finds in a tab into which it was put, once what moves (and ends) stands still. */
export async function violations(tab: Tab): Promise<readonly string[]> {
  await tab.waitForFunction(() =>
    document.getAnimations().every((a) => a.effect?.getComputedTiming().endTime === Number.POSITIVE_INFINITY),
  );
  const found = await tab.evaluate(async () =>
    (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html ?? ''}`),
  );
  return found;
}

const accessible: PageCheck = {
  name: 'axe-core finds nothing, in light and dark',
  run: async (context, site) => {
    const found: string[] = [];
    for (const scheme of ['light', 'dark'] as const) {
      const tab = await openView(context, site, 'explore');
      await tab.emulateMedia({ colorScheme: scheme }); // motion is as it is for most people
      await tab.evaluate(axeSource); // past the page's own rules for scripts
      for (const view of viewNames) {
        await goTo(tab, view);
        if (view === 'draw') {
          await partOf(tab, view, 'button').filter({ hasText: 'Example' }).click();
          await partOf(tab, view, '.maps canvas').first().waitFor();
        }
        found.push(...(await violations(tab)).map((text) => `${scheme} ${view}: ${text}`));
      }
      await tab.close();
    }
    return verdict(
      !found.length,
      found.length ? found.slice(0, 6).join('; ') : `${viewNames.length} views, twice`,
    );
  },
};

const widths: PageCheck = {
  name: 'no view is wider than its window, from 375 to 2,560 px',
  run: async (context, site) => {
    const tab = await openView(context, site, 'explore');
    const wide: string[] = [];
    for (const width of [375, 768, 1280, 2560]) {
      await tab.setViewportSize({ width, height: 900 });
      for (const view of viewNames) {
        await goTo(tab, view);
        const over = await tab.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        if (over > 0) wide.push(`${view} at ${width}: ${over} px`);
      }
    }
    await tab.close();
    return verdict(!wide.length, wide.join(', ') || '4 widths');
  },
};

/** Milliseconds until something is painted, in a context without a cache. */
async function firstPaint(context: BrowserContext, url: string): Promise<number> {
  const fresh = await context.browser()?.newContext({ serviceWorkers: 'block' });
  if (!fresh) throw new Error('no browser');
  const tab = await fresh.newPage();
  await tab.goto(url);
  await tab.locator('.point').first().waitFor();
  const paint = await tab.evaluate(
    () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN,
  );
  await fresh.close();
  return paint;
}

const light: PageCheck = {
  name: 'first paint under 1 s, scripts under 350 kB',
  run: async (context, { url }) => {
    const times: number[] = [];
    for (let i = 0; i < 5; i++) times.push(await firstPaint(context, url));
    const median = times.sort((a, b) => a - b)[2] ?? Number.NaN;
    const { first, all } = measured();
    const kilo = (n: number): string => `${(n / 1000).toFixed(0)} kB`;
    return verdict(
      median < 1000 && all < 350_000,
      `${median.toFixed(0)} ms (median of 5); ${kilo(first)} at first, ${kilo(all)} in all views, gzip`,
    );
  },
};

const offline: PageCheck = {
  name: 'offline after the first visit',
  run: async (context, site) => {
    await goneOffline(context, site);
    try {
      const tab = await openView(context, site, 'draw');
      await partOf(tab, 'draw', 'button').filter({ hasText: 'Example' }).click();
      const said = await textThat(
        partOf(tab, 'draw', 'article[aria-label="Probabilities"] [role=status]'),
        /student says/,
      );
      for (const view of viewNames) {
        await goTo(tab, view);
        await ready(tab, view);
      }
      await tab.close();
      return verdict(true, `all views open; ${said.trim()}`);
    } finally {
      await context.setOffline(false);
    }
  },
};

const alone: PageCheck = {
  name: 'no check asked another server',
  run: async () => verdict(!foreign.size, [...foreign].slice(0, 3).join(', ') || 'only the page itself'),
};

export const whole: readonly PageCheck[] = [accessible, widths, light, offline, alone];
