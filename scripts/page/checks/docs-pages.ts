/** @file Checks of every page of the documentation: accessibility, widths, and reading without a network. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page as Tab } from 'playwright-core';
import {
  addressOfPage,
  contentsFile,
  netsPage,
  type PageGroup,
  type PageLink,
} from '../../../src/web/docs/pages.ts';
import { folder } from '../build.ts';
import { goneOffline, openView, type PageCheck, partOf, textThat, verdict } from '../tab.ts';
import { axeSource, violations } from './whole.ts';

/** All pages of the build, in the order of the navigation. */
export function allPages(): readonly PageLink[] {
  const groups: readonly PageGroup[] = JSON.parse(readFileSync(join(folder, contentsFile), 'utf8'));
  return groups.flatMap(({ pages }) => pages);
}

/** Opens a page by its link in the list beside it. */
async function read(tab: Tab, id: string): Promise<void> {
  await tab.evaluate((hash) => {
    location.hash = hash;
  }, addressOfPage(id));
  const sign = id === netsPage.id ? '.docs-nets tbody tr' : `[data-page="${id}"] h1`;
  await partOf(tab, 'docs', sign).first().waitFor({ timeout: 60_000 });
}

const accessible: PageCheck = {
  name: 'Docs: axe-core finds nothing in any page, in light and dark',
  isKept: false,
  run: async (context, site) => {
    const found: string[] = [];
    const pages = allPages();
    for (const scheme of ['light', 'dark'] as const) {
      const tab = await openView(context, site, 'docs');
      await tab.emulateMedia({ colorScheme: scheme });
      await tab.evaluate(axeSource);
      for (const { id } of pages) {
        await read(tab, id);
        found.push(...(await violations(tab)).map((text) => `${scheme} ${id}: ${text}`));
      }
      await tab.close();
    }
    return verdict(!found.length, found.slice(0, 12).join('\n') || `${pages.length} pages, twice`);
  },
};

const widths: PageCheck = {
  name: 'Docs: no page is wider than its window, from 375 to 2,560 px',
  isKept: false,
  run: async (context, site) => {
    const tab = await openView(context, site, 'docs');
    const wide: string[] = [];
    const pages = allPages();
    for (const width of [375, 768, 1280, 2560]) {
      await tab.setViewportSize({ width, height: 900 });
      for (const { id } of pages) {
        await read(tab, id);
        const over = await tab.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        if (over > 0) wide.push(`${id} at ${width}: ${over} px`);
      }
    }
    await tab.close();
    return verdict(!wide.length, wide.join(', ') || `${pages.length} pages, 4 widths`);
  },
};

const offline: PageCheck = {
  name: 'Docs: every page, search and a sample offline after the first visit',
  run: async (context, site) => {
    await goneOffline(context, site);
    try {
      const tab = await openView(context, site, 'docs');
      const pages = allPages();
      for (const { id } of pages) await read(tab, id);
      const torn = await tab.evaluate(() =>
        Array.from(document.images).flatMap((i) => (i.complete && !i.naturalWidth ? i.src : [])),
      );
      await read(tab, 'growth'); // which has a picture
      await partOf(tab, 'docs', 'article img').last().scrollIntoViewIfNeeded();
      await tab.waitForFunction(() =>
        Array.from(document.querySelectorAll('[data-view="docs"] article img')).every(
          (i) => i instanceof HTMLImageElement && i.naturalWidth > 0,
        ),
      );
      await read(tab, 'guides/page');
      await tab.keyboard.press('/');
      await tab.keyboard.type('soft targets temperature');
      const hits = await textThat(partOf(tab, 'docs', '.docs-hits'), /losses/i);
      await tab.keyboard.press('Escape');
      await partOf(tab, 'docs', '.sample [data-run]').first().click();
      const said = await textThat(partOf(tab, 'docs', '[data-lines]'), /25438/);
      await tab.close();
      return verdict(
        !torn.length && hits.length > 0 && said.length > 0,
        torn.join() || `${pages.length} pages; the sample of guides/page says ${said.trim()}`,
      );
    } finally {
      await context.setOffline(false);
    }
  },
};

export const docsPages: readonly PageCheck[] = [accessible, widths, offline];
