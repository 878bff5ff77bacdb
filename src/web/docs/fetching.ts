/** @file Fetches pages, the contents and the search index, each once. */
import type MiniSearch from 'minisearch';
import type { SearchResult } from 'minisearch';
import { placeOf } from '../work/places.ts';
import {
  contentsFile,
  fileOf,
  indexFile,
  type Page,
  type PageGroup,
  searchBoost,
  searched,
  stored,
} from './pages.ts';

async function text(path: string): Promise<string> {
  const response = await fetch(placeOf(path));
  // servers that answer every path with the page itself would give HTML
  if (!response.ok || response.headers.get('content-type')?.startsWith('text/html'))
    throw new Error(`${path} is not on this server`);
  return response.text();
}

const kept = new Map<string, Promise<unknown>>();
function once<T>(key: string, make: () => Promise<T>): Promise<T> {
  const made = (kept.get(key) as Promise<T> | undefined) ?? make();
  kept.set(key, made);
  made.catch(() => kept.delete(key));
  return made;
}

export const contents = (): Promise<readonly PageGroup[]> =>
  once(contentsFile, async () => JSON.parse(await text(contentsFile)));
export const page = (id: string): Promise<Page> =>
  once(fileOf(id), async () => JSON.parse(await text(fileOf(id))));

export interface Hit {
  readonly page: string;
  readonly at: string;
  readonly title: string;
  readonly heading: string;
  readonly start: string;
}
const index = (): Promise<MiniSearch> =>
  once(indexFile, async () => {
    const [{ default: Search }, json] = await Promise.all([import('minisearch'), text(indexFile)]);
    return Search.loadJSON(json, { fields: [...searched], storeFields: [...stored] });
  });

const hitOf = ({ page: id, at, title, heading, start }: SearchResult): Hit => ({
  ...{ page: id, at, title, heading, start },
});

/** Loads the index, so that the first search is quick. */
export const prepareSearch = (): void => void index().catch(() => {});

/** The best sections for some words: whole words first, then beginnings, then words that differ by a letter. */
export async function search(words: string, most = 20): Promise<readonly Hit[]> {
  const found = (await index()).search(words, {
    prefix: true,
    fuzzy: (term) => (term.length > 4 ? 0.2 : false),
    boost: searchBoost,
    combineWith: 'AND',
  });
  return found.slice(0, most).map(hitOf);
}
