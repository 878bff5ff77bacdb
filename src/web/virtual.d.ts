/** The catalogue, made when the page is built. */
declare module 'virtual:catalogue' {
  export const catalogue: import('./catalogue.ts').Catalogue;
}
declare module '*.css';
declare module '@fontsource-variable/*';
