/** @file What samples may import in the page: the library's entries in their browser form, and what the page adds to them. */

/**
 * Functions that read files in Node. The page gives samples functions of the same names, which read the nets and the data that its
 * server has.
 */
export const provided: Readonly<Record<string, readonly string[]>> = {
  'moonlet/zoo': ['loadNet', 'loadStudent', 'readCard', 'studentNames'],
  'moonlet/data': ['loadDataset'],
};

/** The packages that a code imports, with the values that it names; types and whole modules (`* as x`) name none. */
export function importsOf(
  code: string,
): readonly { readonly from: string; readonly names: readonly string[] }[] {
  const statement = /^import\s+(?!type\s)(?:([^'";]*?)\s+from\s+)?['"]([^'"]+)['"]/gm;
  return [...code.matchAll(statement)].map(([, what = '', from = '']) => ({
    from,
    names: (/\{([^}]*)\}/.exec(what)?.[1] ?? '')
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name && !name.startsWith('type '))
      .map((name) => name.split(/\s+as\s+/)[0] ?? name),
  }));
}
