/** @file Checks of the documentation: every sample runs in the browser and prints what its page says; search, links, the table of nets. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page as Tab } from 'playwright-core';
import {
  contentsFile,
  fileOf,
  netsPage,
  type Page,
  type PageGroup,
  type Sample,
} from '../../../src/web/docs/pages.ts';
import { agrees, plain, saidOf } from '../../../test/support/examples.ts';
import { folder } from '../build.ts';
import { openView, type PageCheck, partOf, textThat, verdict } from '../tab.ts';

const read = (file: string): string => readFileSync(join(folder, file), 'utf8');

/** The pages of the build that have samples, with these. */
export function samplePages(): readonly { readonly id: string; readonly samples: readonly Sample[] }[] {
  const groups: readonly PageGroup[] = JSON.parse(read(contentsFile));
  return groups
    .flatMap(({ pages }) => pages)
    .filter(({ id }) => id !== netsPage.id)
    .map(({ id }) => {
      const { parts }: Page = JSON.parse(read(fileOf(id)));
      return { id, samples: parts.flatMap((part) => ('sample' in part ? [part.sample] : [])) };
    })
    .filter(({ samples }) => samples.length);
}

/** Examples of the reference say behind `//` what they print; samples of guides have a block of output. */
function fits(id: string, { code, output }: Sample, printed: string): boolean {
  if (output !== undefined) return agrees(printed, output);
  if (!id.startsWith('api/')) return true;
  return plain(printed) === plain(saidOf(code.split('\n')).join(''));
}

/** Runs one sample by its button; what is wrong with it, or undefined. */
export async function ran(tab: Tab, id: string, index: number, sample: Sample): Promise<string | undefined> {
  const box = partOf(tab, 'docs', `.sample >> nth=${index}`);
  const where = `${id}, sample ${index + 1}`;
  if (sample.reason !== undefined)
    return (await box.locator('[data-run]').count()) ? `${where}: has a button` : undefined;
  await box.locator('[data-run]').click();
  await box.locator('[data-output="done"]').waitFor({ timeout: 240_000 });
  const problem = await box.locator('.note.error').allTextContents();
  if (problem.length) return `${where}: ${problem.join()}`;
  const printed = (await box.locator('[data-lines]').allTextContents()).join('');
  return fits(id, sample, printed) ? undefined : `${where}: printed ${JSON.stringify(printed.slice(0, 200))}`;
}

const samples: PageCheck = {
  isKept: false,
  name: 'Docs: every sample runs and prints what its page says',
  run: async (context, site) => {
    const problems: string[] = [];
    const tab = await openView(context, site, 'docs');
    let [count, others] = [0, 0];
    for (const { id, samples: list } of samplePages()) {
      await tab.goto(`${site.url}/#/docs/${id}`);
      await partOf(tab, 'docs', `[data-page="${id}"]`).waitFor();
      for (const [i, sample] of list.entries()) {
        if (sample.reason === undefined) count++;
        else others++;
        const problem = await ran(tab, id, i, sample);
        if (problem) problems.push(problem);
      }
    }
    await tab.close();
    return verdict(
      !problems.length && count > 100,
      problems.join('\n') || `${count} run; ${others} say why they do not`,
    );
  },
};

const reading: PageCheck = {
  isKept: false,
  name: 'Docs: search by keys, deep links, back, a changed sample, the table of nets',
  run: async (context, site) => {
    const tab = await openView(context, site, 'docs');
    const part = (selector: string) => partOf(tab, 'docs', selector);
    await tab.keyboard.press('/');
    await tab.keyboard.type('soft targets temperature');
    const hits = await textThat(part('.docs-hits'), /losses/i);
    await tab.keyboard.press('Enter');
    await tab.waitForURL(/#\/docs\/.+/);
    const found = tab.url();
    await tab.goto(`${site.url}/#/docs/guides/pictures?at=augmentations`);
    await part('[data-page="guides/pictures"]').waitFor();
    await tab.waitForFunction(() => {
      const top = document.getElementById('augmentations')?.getBoundingClientRect().top ?? -1;
      return top > 0 && top < 200;
    });
    const before = await tab.evaluate(() => scrollY);
    await part('.docs-side a[href="#/docs/guides/compress"]').click(); // the list stands still
    await part('[data-page="guides/compress"]').waitFor();
    await tab.waitForFunction(() => scrollY < 10);
    await tab.goBack();
    await part('[data-page="guides/pictures"]').waitFor();
    await tab.waitForFunction((y) => Math.abs(scrollY - y) < 20, before);
    await tab.goto(`${site.url}/#/docs/guides/browser`);
    const box = part('.sample').last();
    await box.locator('button').filter({ hasText: 'Edit' }).click();
    await box.locator('.cm-content').click();
    await tab.keyboard.press('Control+a');
    await tab.keyboard.insertText(
      "import { input } from 'moonlet';\ninput(8, 8, 30).conv(32, { groups: 4 });\n",
    );
    await box.locator('[data-run]').click();
    const error = await textThat(box.locator('.note.error'), /Line 2.*30 -> 32 channels/);
    await part(`.docs-side a[href="#/docs/${netsPage.id}"]`).click();
    await part('input[aria-label="Search nets"]').fill('wrn mnist');
    await part('th button').filter({ hasText: 'parameters' }).click();
    const smallest = await textThat(part('tbody tr').first(), /mnist.*wrn/);
    await tab.goto(`${site.url}/#/docs/no-such-page`);
    await textThat(part('h1'), /No such page/);
    await tab.close();
    return verdict(
      hits.length > 0 && found.includes('#/docs/'),
      `${found.replace(site.url, '')}; ${error.trim()}; ${smallest.slice(0, 40)}`,
    );
  },
};

export const docs: readonly PageCheck[] = [reading, samples];
