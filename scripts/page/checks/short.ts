/** @file The short form of the page's checks, which `.ci/run` runs: every view opens, axe-core on two views, a sample that trains. */
import { footer, trainOn } from './engine.ts';
import { goTo, openView, type PageCheck, partOf, ready, textThat, verdict, viewNames } from '../tab.ts';
import { axeSource, violations } from './whole.ts';

const views: PageCheck = {
  name: 'every view opens, without an error',
  isKept: false,
  run: async (context, site) => {
    const errors: string[] = [];
    context.on('weberror', (e) => errors.push(e.error().message));
    const tab = await openView(context, site, 'explore');
    for (const view of viewNames) {
      await goTo(tab, view);
      await ready(tab, view);
    }
    await tab.close();
    return verdict(!errors.length, errors.join('; ') || viewNames.join(', '));
  },
};

const accessible: PageCheck = {
  name: 'axe-core finds nothing in two views',
  isKept: false,
  run: async (context, site) => {
    const found: string[] = [];
    for (const view of ['explore', 'docs'] as const) {
      const tab = await openView(context, site, view);
      await tab.evaluate(axeSource);
      found.push(...(await violations(tab)).map((text) => `${view}: ${text}`));
      await tab.close();
    }
    return verdict(!found.length, found.slice(0, 4).join('; ') || 'explore, docs');
  },
};

const sample: PageCheck = {
  name: 'a sample of the documentation trains',
  isKept: false,
  run: async (context, site) => {
    const tab = await openView(context, site, 'docs', '/guides/own-data');
    const box = partOf(tab, 'docs', '.sample >> nth=0');
    await box.locator('[data-run]').click();
    const said = await textThat(box.locator('[data-output="done"]'), /20 steps; measured on 48 recordings/);
    await tab.close();
    return verdict(true, said.trim());
  },
};

const withoutGpu: PageCheck = {
  name: 'without a graphics card a run trains on WebAssembly, and the footer says why',
  isKept: false,
  run: async (context, site) => {
    const tab = await openView(context, site, 'grow');
    await trainOn(tab, 25);
    const said = await textThat(
      footer(tab),
      /trains on .* of WebAssembly.*: (this browser|WebGPU|the WebGPU)/,
    );
    await tab.close();
    return verdict(true, said.trim());
  },
};

export const short: readonly PageCheck[] = [views, accessible, sample, withoutGpu];
