/** @file Tables in Markdown, and what a command writes between two marks of a page. */

/** The first row is the head; columns of words stand to the left (the first unless told), those of numbers to the right. */
export function table(rows: readonly (readonly string[])[], words: readonly number[] = [0]): string {
  const [head = [], ...body] = rows;
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, i) => (words.includes(i) ? '---' : '--:'));
  return [head, rule, ...body].map(line).join('\n');
}

/** The marks around what a command writes: it stands in the first. */
export type Marks = readonly [begin: string, end: string];
export const marks = (writer: string, what = 'table'): Marks => [
  `<!-- ${what}: written by ${writer} -->`,
  `<!-- end of ${what} -->`,
];

/** What stands between the marks. @throws Error when the page has them not. */
export function marked(page: string, marksOf: Marks): string {
  const [from, to] = placesOf(page, marksOf);
  return page.slice(from, to).trim();
}

/** The page with other content between the marks. @throws Error when the page has them not. */
export function remarked(page: string, marksOf: Marks, content: string): string {
  const [from, to] = placesOf(page, marksOf);
  return `${page.slice(0, from)}\n\n${content}\n\n${page.slice(to)}`;
}

function placesOf(page: string, [begin, end]: Marks): readonly [from: number, to: number] {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`the page has not the marks ${begin} and ${end}`);
  return [from + begin.length, to];
}
