/** @file Checks of the choice between WebGPU and WebAssembly, in a Chromium with SwiftShader as its adapter. */
import type { Locator, Page as Tab } from 'playwright-core';
import { openView, type PageCheck, partOf, textThat, verdict } from '../tab.ts';

/** The line that says on what runs train. */
export const footer = (tab: Tab): Locator => tab.locator('.foot [data-engine]');

/** Trains the net of the view Grow for some steps; gives what is said at the end. */
export async function trainOn(tab: Tab, steps: number): Promise<string> {
  const part = (selector: string) => partOf(tab, 'grow', selector);
  await part('input[aria-label="steps, as a number"]').fill(String(steps));
  await tab.keyboard.press('Tab');
  await part('button').filter({ hasText: 'Train on' }).click();
  const done = new RegExp(`held-out images, ${steps} steps`);
  return textThat(part('[data-grow-status]'), done, 600_000);
}

const software: PageCheck = {
  name: 'page: an adapter that is software is not used',
  isKept: false,
  run: async (context, site) => {
    const tab = await openView(context, site, 'explore');
    const said = await textThat(footer(tab), /of WebAssembly.*: the WebGPU adapter is software/);
    await tab.close();
    return verdict(true, said.trim());
  },
};

/** As with a graphics card: the check, a run on WebGPU, and the switch. */
const used: PageCheck = {
  name: 'page: a run trains on WebGPU once it passed its check, until the switch is off',
  isKept: false,
  run: async (context, site) => {
    await context.addInitScript(() => localStorage.setItem('moonlet engine', 'software'));
    const tab = await openView(context, site, 'grow');
    await textThat(footer(tab), /trains on WebGPU if that passes a check, and else on .* WebAssembly/);
    // the smallest net: where the adapter is software, a step of the first one takes most of a minute
    await partOf(tab, 'grow', 'select').selectOption('mnist/lenet-5');
    await textThat(partOf(tab, 'grow', 'article[aria-label="Graph"] h2'), /lenet/);
    const status = await trainOn(tab, 25);
    const said = await textThat(footer(tab), /^WebGPU computes: .* those of WebAssembly/);
    await tab.locator('.foot input[type=checkbox]').uncheck();
    await textThat(footer(tab), /trains on .* of WebAssembly.*: as chosen here/);
    await tab.close();
    return verdict(true, `${said.trim()}; ${status.trim()}`);
  },
};

export const engine: readonly PageCheck[] = [software, used];
