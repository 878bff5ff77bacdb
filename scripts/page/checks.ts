/** @file All checks of the built page, in a browser context of their own, with the page served as `moonlet web` serves it. */
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { servePage } from '../../src/cli/web-server.ts';
import { buildPage, folder } from './build.ts';
import { docs } from './checks/docs.ts';
import { looking } from './checks/looking.ts';
import { training } from './checks/training.ts';
import { whole } from './checks/whole.ts';
import type { PageCheck, Verdict } from './tab.ts';

export interface Prepared {
  readonly name: string;
  run(): Promise<Verdict>;
}
const checks: readonly PageCheck[] = [...looking, ...docs, ...training, ...whole];

/** The checks whose names contain a text; the page is built when there is one. */
export async function pageChecks(
  browser: Browser,
  only: string,
): Promise<{ readonly checks: readonly Prepared[]; close(): void }> {
  const wanted = checks
    .map((check) => ({ ...check, name: `page: ${check.name}` }))
    .filter(({ name }) => name.includes(only));
  if (!wanted.length) return { checks: [], close: () => {} };
  await buildPage();
  const server = await servePage(folder, '127.0.0.1', 0);
  const { port } = server.address() as AddressInfo;
  const site = { url: `http://localhost:${port}` };
  return {
    checks: wanted.map(({ name, run }) => ({
      name,
      run: async () => {
        const context = await browser.newContext({
          viewport: { width: 1440, height: 1000 },
          acceptDownloads: true,
        });
        try {
          return await run(context, site);
        } finally {
          await context.close();
        }
      },
    })),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
