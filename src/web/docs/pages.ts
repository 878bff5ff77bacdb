/** @file The pages of the documentation as files: made when the page is built, fetched when they are opened. */

/** One page in the navigation. */
export interface PageLink {
  /** `guides/fine-tune`, `growth`, `api/learn/losses`. */
  readonly id: string;
  readonly title: string;
}
export interface PageGroup {
  readonly name: string;
  readonly pages: readonly PageLink[];
}

export interface Heading {
  /** The anchor, as code hosts make it. */
  readonly at: string;
  readonly text: string;
  readonly level: number;
}

/** A TypeScript program of a page. */
export interface Sample {
  readonly code: string;
  /** The code with colours, as HTML. */
  readonly html: string;
  /** Why it does not run in a browser; undefined for a sample that does. */
  readonly reason?: string;
  /** What the page says that it prints. */
  readonly output?: string;
}
export type Part = { readonly html: string } | { readonly sample: Sample };

export interface Page {
  readonly id: string;
  readonly title: string;
  readonly headings: readonly Heading[];
  readonly parts: readonly Part[];
}

/** What the search index stores of a section. */
export interface Section {
  readonly id: number;
  readonly page: string;
  readonly at: string;
  readonly title: string;
  readonly heading: string;
  readonly text: string;
}
/** The fields that are searched, and their weights. */
export const searched = ['heading', 'title', 'text'] as const;
export const searchBoost = { heading: 5, title: 2 } as const;
/** The fields that a hit shows. */
export const stored = ['page', 'at', 'title', 'heading', 'start'] as const;

/** The page that lists all nets: a table of the page's own, not a file. */
export const netsPage: PageLink = { id: 'nets', title: 'All nets' };
export const firstPage = 'start';

/** Where a page is among the files of the build. */
export const fileOf = (id: string): string => `docs/pages/${id.replaceAll('/', '.')}.json`;
export const contentsFile = 'docs/contents.json';
export const indexFile = 'docs/search.json';

export const addressOfPage = (id: string, at = ''): string =>
  `#/docs/${id}${at ? `?at=${encodeURIComponent(at)}` : ''}`;
