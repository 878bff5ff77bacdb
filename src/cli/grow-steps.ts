/** @file Reads the growth steps from the flags of `moonlet grow`. */
import { parseWidth, type Width } from '../edit/channels/width.ts';
import { type GrowPlan, parsePlan } from '../edit/grow/plan.ts';
import { UsageError } from '../errors.ts';
import { readValue } from '../run/json-file.ts';
import type { Flags } from './grow.ts';
import { numberFlag } from './numbers.ts';

/** @throws UsageError for flags that no step has, and for no step at all. */
export function stepsOf(flags: Flags): GrowPlan {
  const { widen = [], deepen = [], enlarge = [], units = [], connect = [] } = flags;
  if (flags.macs !== undefined) {
    if (flags.plan !== undefined || [widen, deepen, enlarge, units, connect].some((f) => f.length))
      throw new UsageError('--macs chooses the steps itself; remove all other steps and --plan');
    const ratio = { min: 1, above: true, what: 'a ratio' };
    numberFlag('macs', flags.macs, ratio);
    return { macs: numberFlag('macs', flags.macs, { ...ratio, max: 1000 }) };
  }
  const steps: unknown[] = [];
  if (flags.plan !== undefined) {
    steps.push(...parsePlan(readValue(flags.plan)));
  }
  // one step of all, since some widths can only change together
  const wider = widthsOf(widen, '--widen');
  if (wider) steps.push({ widen: wider });
  for (const text of deepen) {
    const [where, by] = pairOf(text, '--deepen');
    steps.push({ deepen: where, by: wholeOf(by, '--deepen', text) });
  }
  for (const text of enlarge) {
    const [where, to] = pairOf(text, '--enlarge');
    steps.push({ enlarge: where, to: wholeOf(to, '--enlarge', text) });
  }
  for (const text of connect) {
    const [from, to] = pairOf(text, '--connect');
    steps.push({ connect: from, to });
  }
  const more = widthsOf(units, '--units');
  if (more) steps.push({ units: more });
  if (!steps.length)
    throw new UsageError(
      'grow needs a step: --widen, --deepen, --enlarge, --connect, --units, --plan or --macs',
    );
  return parsePlan(steps);
}

function widthsOf(texts: readonly string[], flag: string): Readonly<Record<string, Width>> | undefined {
  const widths = new Map<string, Width>();
  for (const text of texts) {
    const [where, width] = pairOf(text, flag);
    if (widths.has(where)) throw new UsageError(`${flag} names "${where}" twice; give it once`);
    widths.set(where, parseWidth(width));
  }
  return widths.size ? Object.fromEntries(widths) : undefined;
}

function pairOf(text: string, flag: string): readonly [string, string] {
  const at = text.lastIndexOf('=');
  if (at < 1) throw new UsageError(`${flag} "${text}" is not of the form where=value, such as stage1=x1.5`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function wholeOf(text: string, flag: string, pair: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new UsageError(
    `${flag} "${pair}": expected a whole number from 1 to 9999 after the "=", got "${text}"`,
  );
}
