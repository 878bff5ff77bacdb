/** @file All checks of the built page, in a browser context of their own, with the page served as `moonlet web` serves it. */
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { servePage } from '../../src/cli/web-server.ts';
import { buildPage, folder } from './build.ts';
import { docs } from './checks/docs.ts';
import { docsPages } from './checks/docs-pages.ts';
import { engine } from './checks/engine.ts';
import { short } from './checks/short.ts';
import { looking } from './checks/looking.ts';
import { everyMethod } from './checks/methods.ts';
import { training } from './checks/training.ts';
import { whole } from './checks/whole.ts';
import type { PageCheck, Verdict } from './tab.ts';

export interface Prepared {
  readonly name: string;
  run(): Promise<Verdict>;
}
const named = (prefix: string, checks: readonly PageCheck[]): readonly PageCheck[] =>
  checks.map((check) => ({ ...check, name: `${prefix}: ${check.name}` }));
const checks: readonly PageCheck[] = [
  ...named('page', [...looking, ...docs, ...docsPages, ...training, ...everyMethod, ...whole]),
  ...named('short', short),
  ...named('webgpu', engine),
];

/** The checks that are wanted by their names; the page is built when there is one, without its API reference for the short form. */
export async function pageChecks(
  browser: Browser,
  isWanted: (name: string) => boolean,
  isShort: boolean,
): Promise<{ readonly checks: readonly Prepared[]; close(): void }> {
  const wanted = checks.filter(({ name }) => isWanted(name));
  if (!wanted.length) return { checks: [], close: () => {} };
  await buildPage({ api: !isShort });
  const server = await servePage(folder, '127.0.0.1', 0);
  const { port } = server.address() as AddressInfo;
  const site = { url: `http://localhost:${port}` };
  return {
    checks: wanted.map(({ name, isKept = true, run }) => ({
      name,
      run: async () => {
        const context = await browser.newContext({
          viewport: { width: 1440, height: 1000 },
          acceptDownloads: true,
          serviceWorkers: isKept ? 'allow' : 'block',
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
