/** @file Tables for a terminal: if a table is wider than the screen, long texts are wrapped. */
import { columns } from '../read/show.ts';

/** A text column is never made narrower than this. */
const narrowest = 12;

/**
 * Rows of cells as text, at most `width` characters wide if its texts can be wrapped; the first row is the head.
 * Columns of numbers, aligned to the right, are never wrapped. `width` is that of the terminal by default, or no limit.
 */
export function tableOf(
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
  width: number | undefined = process.stdout.columns,
): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const limits = limitsOf(widths, right, width);
  return columns(
    rows.flatMap((row) => {
      const cells = row.map((cell, i) => wrapped(cell, limits[i] ?? Number.POSITIVE_INFINITY));
      const height = Math.max(...cells.map((lines) => lines.length));
      return Array.from({ length: height }, (_, line) => cells.map((lines) => lines[line] ?? ''));
    }),
    right,
  );
}

/** The widths at which all fit: the widest text column gives way until it does. */
function limitsOf(
  widths: readonly number[],
  right: readonly number[],
  width: number | undefined,
): readonly number[] {
  const limits = [...widths];
  const gaps = 2 * (widths.length - 1);
  if (width === undefined || width <= 0) return limits;
  const isText = (_: number, i: number): boolean => !right.includes(i);
  for (let total = limits.reduce((sum, w) => sum + w, gaps); total > width; total--) {
    const widest = Math.max(0, ...limits.filter(isText));
    if (widest <= narrowest) break; // nothing can give way
    limits[limits.findIndex((w, i) => w === widest && isText(w, i))] = widest - 1;
  }
  return limits;
}

/** A text in lines of at most so many characters, broken at spaces, else behind one of , / = or anywhere. */
function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const space = rest.lastIndexOf(' ', width);
    const mark = Math.max(...[',', '/', '='].map((sign) => rest.lastIndexOf(sign, width - 1) + 1));
    const end = space > 0 ? space : mark > 0 ? mark : width;
    lines.push(rest.slice(0, end).trimEnd());
    rest = rest.slice(end).trimStart();
  }
  return [...lines, rest];
}
