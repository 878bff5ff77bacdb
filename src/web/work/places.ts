/** @file Addresses of nets and data, relative to the page also in workers. */

/** The folder of the page. Workers lie in `assets/` beside it, or in `src/web/work/` in development. */
export const home = new URL(
  globalThis.document === undefined ? (import.meta.env.PROD ? '../' : '/') : './',
  globalThis.document === undefined ? globalThis.location.href : document.baseURI,
);
export const nets = new URL('nets', home).href;
export const placeOf = (path: string): string => new URL(path, home).href;
