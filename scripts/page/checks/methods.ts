/** @file A check of every way to distill that the page offers: each trains some steps, those that cannot say why. */
import type { Page as Tab } from 'playwright-core';
import { methodNames, otherMethods } from '../../../src/web/work/method-names.ts';
import { openView, type PageCheck, partOf, textThat, verdict } from '../tab.ts';

const steps = 25;

/** The losses of a run of some steps, which is stopped then. */
async function lossesOf(tab: Tab, method: string): Promise<readonly number[]> {
  const part = (selector: string) => partOf(tab, 'distill', selector);
  await part(`input[name="method"][value="${method}"]`).check();
  await part('button')
    .filter({ hasText: /^(Train|Start over)$/ })
    .click();
  // not the line of the run before, which was stopped
  const running = new RegExp(`^(?!.*stopped).*step (${steps}|2[6-9]|[3-9]\\d|\\d{3}) of|failed`, 's');
  await textThat(part('[data-run="taught"]'), running, 240_000);
  await part('button')
    .filter({ hasText: /^Stop$/ })
    .click();
  await textThat(part('[data-run="taught"]'), /stopped at/, 240_000);
  const problem = await part('.progress .note').allTextContents();
  if (problem.length) throw new Error(problem.join());
  return tab.evaluate(() => {
    const { losses } = JSON.parse(localStorage.getItem('moonlet distill') ?? '{}').taught;
    return losses.map(([, loss]: readonly number[]) => loss ?? Number.NaN); // NaN is null in JSON
  });
}
const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;

/** Whether the mean of the last five losses is below that of the first five. */
const falls = (losses: readonly number[]): boolean => mean(losses.slice(-5)) < mean(losses.slice(0, 5));

const trained: PageCheck = {
  name: 'Distill: every method trains, with losses that fall',
  isKept: false,
  run: async (context, site) => {
    const problems: string[] = [];
    const tab = await openView(context, site, 'distill');
    const part = (selector: string) => partOf(tab, 'distill', selector);
    // all methods run on this pair: its stages agree
    await part('label')
      .filter({ hasText: /^Student/ })
      .locator('select')
      .selectOption('wrn-bg4m');
    await part('.settings input[type=checkbox]').uncheck();
    await part('input[aria-label="steps, as a number"]').fill('100'); // so that the rate rises soon
    await tab.keyboard.press('Tab');
    for (const { id } of methodNames) {
      const losses = await lossesOf(tab, id).catch((e: Error) => e.message.split('\n')[0] ?? '');
      if (typeof losses === 'string') problems.push(`${id}: ${losses}`);
      else if (!losses.every(Number.isFinite)) problems.push(`${id}: losses that are not finite`);
      else if (!falls(losses)) problems.push(`${id}: from ${losses.slice(0, 5)} to ${losses.slice(-5)}`);
    }
    await tab.close();
    return verdict(!problems.length, problems.join('; ') || `${methodNames.length} methods`);
  },
};

const reasons: PageCheck = {
  name: 'Distill: methods that do not run say why',
  isKept: false,
  run: async (context, site) => {
    const tab = await openView(context, site, 'distill');
    const part = (selector: string) => partOf(tab, 'distill', selector);
    await part('label')
      .filter({ hasText: /^Student/ })
      .locator('select')
      .selectOption('lenet-5');
    const rows = part('.method');
    const [all, lacking] = [await rows.count(), await part('.method.lacking').count()];
    const enabled = await part('.method input:enabled').count();
    const said = await part('.method.lacking').locator('.about:last-child').allTextContents();
    const silent = said.filter((text) => !/^(Not on this pair: .{10,}|Needs more: .{10,})\.$/.test(text));
    await tab.close();
    const isRight =
      all === methodNames.length + otherMethods.length &&
      lacking > otherMethods.length &&
      enabled === all - lacking &&
      said.length === lacking &&
      !silent.length;
    return verdict(isRight, silent.join('; ') || `on LeNet-5 ${enabled} run, ${lacking} say why not`);
  },
};

export const everyMethod: readonly PageCheck[] = [reasons, trained];
