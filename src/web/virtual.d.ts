/** The catalogue, made when the page is built. */
declare module 'virtual:catalogue' {
  export const catalogue: import('./catalogue.ts').Catalogue;
}
declare module 'virtual:refusals' {
  export const refusals: import('./catalogue.ts').Refusals;
}
declare module '*.css';
declare module '@fontsource-variable/*';
