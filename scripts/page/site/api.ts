/** @file The API reference as Markdown, one file for each entry point and each of its groups, written by TypeDoc from the sources. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Application } from 'typedoc';
import type { PluginOptions } from 'typedoc-plugin-markdown';

const kept = join('out', 'site-api');
const format: Partial<PluginOptions> & { readonly plugin: string[]; readonly router: string } = {
  plugin: ['typedoc-plugin-markdown'],
  router: 'module',
  hidePageHeader: true,
  hideBreadcrumbs: true,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  typeAliasPropertiesFormat: 'table',
  useCodeBlocks: true,
  expandParameters: true,
};

/** Changes with any source, and with how it is written. */
function version(): string {
  const hash = createHash('sha256').update(JSON.stringify(format));
  for (const file of ['typedoc.config.mjs', 'package.json', 'package-lock.json'])
    hash.update(readFileSync(file));
  for (const folder of ['src', 'zoo'])
    for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort())
      if (file.endsWith('.ts')) hash.update(file).update(readFileSync(join(folder, file)));
  return hash.digest('hex').slice(0, 16);
}

const filesOf = (folder: string): ReadonlyMap<string, string> =>
  new Map(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.md'))
      .map((file) => file.replaceAll('\\', '/'))
      .sort()
      .map((file) => [`api/${file}`, withAnchors(readFileSync(join(folder, file), 'utf8'))]),
  );

/** The plugin counts a method and a type of one name as two headings, and links to the second; the method has none. */
function withAnchors(markdown: string): string {
  const headings = [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, text = '']) =>
    text.toLowerCase().replace(/[^\w-]/g, ''),
  );
  const isOnce = (name: string): boolean => headings.filter((heading) => heading === name).length === 1;
  return markdown.replace(/\]\(#(\w+)-1\)/g, (link, name) => (isOnce(name) ? `](#${name})` : link));
}

/** The files by path, such as `api/moonlet/learn/README.md`. Those of an earlier build are taken where no source has changed. */
export async function apiFiles(): Promise<ReadonlyMap<string, string>> {
  const place = join(kept, version());
  if (existsSync(place)) return filesOf(place);
  rmSync(kept, { recursive: true, force: true });
  mkdirSync(kept, { recursive: true });
  const written = mkdtempSync(join(kept, 'new-'));
  const app = await Application.bootstrapWithPlugins({
    ...format, // the rest is in typedoc.config.mjs, which TypeDoc reads
    projectDocuments: [],
    readme: 'none',
    out: written,
    logLevel: 'Error',
  });
  const project = await app.convert();
  if (!project) throw new Error('the API reference cannot be written; npm run docs:api says why');
  await app.outputs.writeOutputs(project);
  renameSync(written, place);
  return filesOf(place);
}
