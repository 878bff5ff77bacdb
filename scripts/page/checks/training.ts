/** @file Checks of the views that train: growth with its certificate, a run that is stopped, one whose tab is closed, and two minutes. */
import type { Page as Tab } from 'playwright-core';
import { trainOn } from './engine.ts';
import { openView, type PageCheck, partOf, textThat, verdict } from '../tab.ts';

const grow: PageCheck = {
  name: 'Grow, certify and train on',
  run: async (context, site) => {
    const tab = await openView(context, site, 'grow');
    const part = (selector: string) => partOf(tab, 'grow', selector);
    await part('input[aria-label="Width of stage2"]').focus();
    for (let i = 0; i < 3; i++) await tab.keyboard.press('ArrowRight');
    await part('input[aria-label="New blocks in stage3"]').fill('1');
    await part('button')
      .filter({ hasText: /^Grow$/ })
      .click();
    const difference = Number(await textThat(part('[data-difference]'), /\d/));
    const proof = await textThat(part('article[aria-label="Certificate"]'), /Proved/);
    const status = await trainOn(tab, 25);
    await tab.close();
    return verdict(
      difference < 1e-3 && proof.length > 0,
      `largest difference ${difference}; ${status.trim()}`,
    );
  },
};

interface Remembered {
  readonly losses: readonly (readonly [number, number])[];
  readonly at: string;
}
const runOf = (tab: Tab): Promise<Remembered> =>
  tab.evaluate(() => JSON.parse(localStorage.getItem('moonlet distill') ?? '{}').taught);

/** A short run of the student with its teacher alone. */
async function set(tab: Tab, steps: number, isCompared = false): Promise<void> {
  const part = (selector: string) => partOf(tab, 'distill', selector);
  await part('input[aria-label="steps, as a number"]').fill(String(steps));
  await tab.keyboard.press('Tab');
  if (!isCompared) await part('.settings input[type=checkbox]').uncheck();
}

const closed: PageCheck = {
  name: 'Distill: stopped, closed in the middle, resumed',
  run: async (context, site) => {
    const steps = 100;
    const first = await openView(context, site, 'distill');
    const press = (tab: Tab, name: RegExp) =>
      partOf(tab, 'distill', 'button').filter({ hasText: name }).click();
    const status = (tab: Tab) => partOf(tab, 'distill', '[data-run="taught"]');
    await set(first, steps);
    await press(first, /^Train$/);
    await textThat(partOf(first, 'distill', '[data-result="taught"]'), /%/, 240_000);
    const unbroken = await runOf(first);
    await press(first, /Train again/);
    await textThat(status(first), /step ([3-9]\d|\d{3}) of/, 240_000);
    await press(first, /^Stop$/);
    await textThat(status(first), /stopped at/, 60_000);
    await press(first, /^Resume$/);
    await textThat(status(first), /step ([6-8]\d) of .*resumed/, 240_000);
    await first.close({ runBeforeUnload: false });
    const second = await openView(context, site, 'distill');
    const asked = await textThat(status(second), /stopped at/);
    await press(second, /^Resume$/);
    const accuracy = await textThat(partOf(second, 'distill', '[data-result="taught"]'), /%/, 240_000);
    const resumed = await runOf(second);
    await second.close();
    const last = (run: Remembered): number => run.losses.at(-1)?.[1] ?? Number.NaN;
    const isRight = last(unbroken) === last(resumed);
    return verdict(
      isRight,
      `${asked.trim()}, then resumed: the last loss ${last(resumed)} is that of the unbroken run; ${accuracy.trim()}`,
    );
  },
};

const twoMinutes: PageCheck = {
  name: 'Distill: 98.5 % of MNIST within two minutes',
  run: async (context, site) => {
    const tab = await openView(context, site, 'distill');
    await set(tab, 600);
    const start = Date.now();
    const button = partOf(tab, 'distill', 'button').filter({ hasText: /^(Train|Train again|Start over)$/ });
    await button.first().click();
    const text = await textThat(partOf(tab, 'distill', '[data-result="taught"]'), /%/, 600_000);
    const seconds = (Date.now() - start) / 1000;
    await tab.close();
    const accuracy = Number.parseFloat(text);
    return verdict(
      accuracy >= 98.5 && seconds <= 120,
      `${accuracy} % of 10,000 test images after ${seconds.toFixed(0)} s`,
    );
  },
};

export const training: readonly PageCheck[] = [grow, closed, twoMinutes];
