/** @file All files of the documentation, by their paths in the built page: pages, pictures, the contents and the search index. */
import { existsSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import MiniSearch from 'minisearch';
import {
  addressOfPage,
  contentsFile,
  fileOf,
  indexFile,
  netsPage,
  type PageGroup,
  type Section,
  searched,
  stored,
} from '../../../src/web/docs/pages.ts';
import { apiFiles } from './api.ts';
import { type Rendered, type Resolver, rendered } from './markdown.ts';
import { fileGroups, idOf } from './navigation.ts';

export type Files = ReadonlyMap<string, string | Uint8Array>;

interface Source {
  readonly file: string;
  readonly id: string;
  readonly markdown: string;
}
interface Wanted {
  readonly from: string;
  readonly id: string;
  readonly at: string;
}

/** Resolves links between sources; keeps what they need: anchors of pages, and pictures. */
class Links implements Resolver {
  readonly wanted: Wanted[] = [];
  readonly pictures = new Map<string, string>();
  readonly problems: string[] = [];
  readonly #ids: ReadonlyMap<string, string>;
  constructor(sources: readonly Source[]) {
    this.#ids = new Map(sources.map(({ file, id }) => [file, id]));
  }

  link(file: string, href: string): string {
    if (/^(https?|mailto):/.test(href)) return href;
    const [path = '', at = ''] = href.split('#').map(decodeURIComponent);
    const target = path ? posix.join(posix.dirname(file), path) : file;
    const id = this.#ids.get(target);
    if (id !== undefined) {
      this.wanted.push({ from: `${file}: ${href}`, id, at });
      return addressOfPage(id, at);
    }
    if (/\.(png|svg)$/.test(target) && existsSync(target)) return this.picture(file, href);
    this.problems.push(`${file}: ${href} is no page`);
    return href;
  }

  picture(file: string, src: string): string {
    const target = posix.join(posix.dirname(file), src);
    if (!existsSync(target)) this.problems.push(`${file}: the picture ${src} is missing`);
    const name = `docs/pictures/${target.replace(/^docs\//, '').replaceAll('/', '-')}`;
    this.pictures.set(name, target);
    return `./${name}`;
  }

  /** @throws Error with all links that lead nowhere. */
  check(pages: ReadonlyMap<string, Rendered>): void {
    for (const { from, id, at } of this.wanted)
      if (at && !pages.get(id)?.anchors.has(at)) this.problems.push(`${from}: there is no such heading`);
    if (this.problems.length) throw new Error(`links of the documentation:\n${this.problems.join('\n')}`);
  }
}

/** `moonlet/learn`, and `learn: losses` for a group of an entry. */
function apiTitle(id: string): string {
  const [, entry, group] = id.split('/');
  if (!entry) return 'Entry points';
  if (group) return `${entry}: ${group}`;
  return entry === 'moonlet' ? entry : `moonlet/${entry}`;
}

/** The order of the reference: the entry `moonlet` with its groups, then the others. */
const rank = (id: string): string => (id === 'api' ? '' : id.replace(/^api\/moonlet/, 'api/ '));
const byId = (a: Source, b: Source): number => (rank(a.id) < rank(b.id) ? -1 : 1);

function indexOf(pages: Iterable<Rendered>): string {
  const index = new MiniSearch<Section & { readonly start: string }>({
    fields: [...searched],
    storeFields: [...stored],
  });
  let id = 0;
  for (const { sections } of pages)
    for (const section of sections) index.add({ ...section, id: id++, start: section.text.slice(0, 140) });
  return JSON.stringify(index);
}

/** Renders everything. @throws Error where a link or a picture of a Markdown file leads nowhere. */
export async function siteFiles(withApi = true): Promise<Files> {
  const groups = fileGroups();
  const sources = groups.flatMap(({ files }) =>
    files.map((file): Source => ({ file, id: idOf(file), markdown: readFileSync(file, 'utf8') })),
  );
  const api = [...(withApi ? await apiFiles() : [])]
    .map(([file, markdown]): Source => ({ file, id: idOf(file), markdown }))
    .sort(byId);
  const links = new Links([...sources, ...api]);
  const pages = new Map<string, Rendered>();
  for (const { file, id, markdown } of [...sources, ...api])
    pages.set(id, await rendered(file, id, markdown, links));
  links.check(pages);
  const titleOf = (id: string): string => (id === 'start' ? 'Overview' : (pages.get(id)?.page.title ?? id));
  const contents: PageGroup[] = [
    ...groups.map(({ name, files }) => ({
      name,
      pages: [
        ...(name === 'Nets' ? [netsPage] : []),
        ...files.map((file) => ({ id: idOf(file), title: titleOf(idOf(file)) })),
      ],
    })),
    ...(api.length
      ? [{ name: 'API reference', pages: api.map(({ id }) => ({ id, title: apiTitle(id) })) }]
      : []),
  ];
  const result = new Map<string, string | Uint8Array>([
    [contentsFile, JSON.stringify(contents)],
    [indexFile, indexOf(pages.values())],
    ...[...pages].map(([id, { page }]): [string, string] => [fileOf(id), JSON.stringify(page)]),
  ]);
  for (const [name, file] of links.pictures) result.set(name, readFileSync(file));
  return result;
}
