/** @file Growth in several steps. A plan is data, and its cost is known before anything is done. */
import * as z from 'zod';
import { Refusal, UsageError } from '../../errors.ts';
import { channels, type Graph, issueText, stages } from '../../graph/index.ts';
import { cost } from '../../read/index.ts';
import type { Net } from '../../weights/index.ts';
import { type WidenOptions, widenChecks } from '../channels/copy-channels.ts';
import { type Growth, inSequence } from '../channels/growth.ts';
import { requestsOf } from '../channels/requests.ts';
import { checkWidth, type Width } from '../channels/width.ts';
import { checkChoice, checkGraph, checkNet, checkOptions, isRecord, number, shown } from '../options.ts';
import { addUnits } from './add-units.ts';
import { connect } from './connect.ts';
import { deepen, deepenGraph } from './deepen.ts';
import { enlarge } from './enlarge.ts';
import { applied, type GrowStep, type Planned, planSteps } from './steps.ts';
import { widen } from './widen.ts';

export type { GrowStep, Planned } from './steps.ts';

const widths = z
  .record(z.string(), z.custom<Width>()) // checked by `checkWidth`, which suggests what was meant
  .refine((all) => Object.keys(all).length > 0, 'names nothing that grows');
/** The schema of each step, by the key that names it. */
const stepSchemas = {
  widen: z.strictObject({ widen: widths }),
  deepen: z.strictObject({
    deepen: z.string(),
    by: z.int().min(1).default(1),
    kind: z.enum(['block', 'branch', 'dirac']).optional(),
  }),
  enlarge: z.strictObject({ enlarge: z.string(), to: z.int().min(2) }),
  units: z.strictObject({ units: widths, into: z.enum(['zero', 'random']).optional() }),
  connect: z.strictObject({ connect: z.string(), to: z.string(), by: z.enum(['add', 'concat']).optional() }),
} as const;
const stepKeys = Object.keys(stepSchemas);
/** Steps one after another; or a cost to reach by depth and width together, as a factor of the cost now. */
export type GrowPlan = readonly GrowStep[] | { readonly macs: number } | { readonly params: number };

/** The steps of a plan that was read from outside. @throws UsageError that names the place where it is no plan. */
export function parsePlan(value: unknown): readonly GrowStep[] {
  if (!Array.isArray(value) || !value.length) {
    const isTarget = isRecord(value) && ('macs' in value || 'params' in value);
    throw new UsageError(
      `plan: expects an array of steps such as [{ widen: { stage1: 'x1.5' } }], got ${shown(value)}${isTarget ? '; only grow, plan and fit in code take a target cost, and moonlet grow as --macs' : ''}`,
    );
  }
  return value.map((step: unknown, i) => {
    const match = isRecord(step) && Object.entries(stepSchemas).find(([key]) => key in step);
    if (!match) throw new UsageError(`plan: [${i}]: no step ${shown(step)}; known: ${stepKeys.join(', ')}`);
    const [key, schema] = match;
    const parsed = schema.safeParse(step);
    if (!parsed.success) throw new UsageError(`plan: [${i}]: ${issueText(parsed.error)}`);
    for (const [where, width] of Object.entries(isRecord(step[key]) ? step[key] : {}))
      checkWidth(`plan: [${i}]: ${where}`, width);
    return parsed.data;
  });
}

/**
 * What each step of a plan would cost and preserve. Needs no weights.
 * @throws UsageError for what is no plan; what the steps themselves throw.
 * @example
 * import { plan } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * const steps = plan(wrn({ depth: 10, size: 16 }), [{ widen: { 'stage*': 'x1.5' } }, { deepen: 'stage2' }]);
 * console.log(steps.map((step) => step.params)); // [ 118578, 121506 ]
 */
export function plan(graph: Graph, wanted: GrowPlan, o: WidenOptions = {}): readonly Planned[] {
  checkGraph('plan', graph);
  return planSteps(graph, stepsOf(graph, wanted, o), o);
}

/**
 * Grow a net by a plan. The result is one growth: `follow` carries the slots of an optimizer through each.
 * The net itself is never changed. Step i uses the seed `o.seed + i`.
 * @throws UsageError for what is no plan; what the steps throw.
 * @example
 * import { cost, grow, init } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * const net = init(wrn({ depth: 10, size: 16 }));
 * const grown = grow(net, { macs: 2 }); // deeper and wider, within twice the multiply-accumulates
 * console.log(cost(grown.net.graph).macs <= 2 * cost(net.graph).macs); // true
 */
export function grow(net: Net, wanted: GrowPlan, o: WidenOptions = {}): Growth {
  return inSequence(growSteps(net, wanted, o));
}

/** `grow` with the result of each step; the net of the last one is the grown net. @throws as `grow` does. */
export function growSteps(net: Net, wanted: GrowPlan, o: WidenOptions = {}): readonly [Growth, ...Growth[]] {
  checkNet('grow', net);
  const done: Growth[] = [];
  for (const [i, step] of stepsOf(net.graph, wanted, o).entries()) {
    done.push(grownBy(done.at(-1)?.net ?? net, step, { ...o, seed: (o.seed ?? 0) + i }));
  }
  const [first, ...more] = done;
  if (!first) throw new UsageError('plan: it has no steps');
  return [first, ...more];
}

function grownBy(net: Net, step: GrowStep, o: WidenOptions & { readonly seed: number }): Growth {
  if ('widen' in step) return widen(net, step.widen, o);
  if ('units' in step) return addUnits(net, step.units, { seed: o.seed, into: step.into ?? 'zero' });
  if ('connect' in step) return connect(net, step.connect, step.to, { seed: o.seed, by: step.by ?? 'add' });
  if ('enlarge' in step) return enlarge(net, step.enlarge, step.to);
  return deepen(net, step.deepen, step.by ?? 1, { seed: o.seed, ...(step.kind ? { kind: step.kind } : {}) });
}

const isSteps = (wanted: GrowPlan): wanted is readonly GrowStep[] => Array.isArray(wanted);

/** The steps of a plan; those of a target of cost are found. */
function stepsOf(graph: Graph, wanted: GrowPlan, o: WidenOptions): readonly GrowStep[] {
  checkOptions('grow', o, widenChecks);
  if (isSteps(wanted)) return wanted.length ? parsePlan(wanted) : wanted;
  const factor = number('a factor above 1', (v) => v > 1);
  checkChoice('grow', wanted, { macs: factor, params: factor });
  return 'macs' in wanted
    ? stepsTo(graph, 'macs', wanted.macs, o)
    : stepsTo(graph, 'params', wanted.params, o);
}

/**
 * Steps by which a graph grows to `ratio` times its cost, in both directions: every stage one block deeper while that costs
 * at most half of the growth (on a logarithmic scale), then all widths by one factor, found by bisection.
 * @throws Refusal when no step fits.
 */
function stepsTo(graph: Graph, key: 'macs' | 'params', ratio: number, o: WidenOptions): readonly GrowStep[] {
  const start = cost(graph)[key];
  const names = stages(graph).map((s) => s.name);
  const steps: GrowStep[] = [];
  let deeper = graph;
  for (const stage of names) {
    const next = unlessRefused(() => deepenGraph(deeper, stage, 1).graph);
    if (!next || cost(next)[key] / start > Math.sqrt(ratio)) continue;
    deeper = next;
    steps.push({ deepen: stage, by: 1 });
  }
  const widens = (where: string): boolean =>
    unlessRefused(() => requestsOf(deeper, channels(deeper), { [where]: 'x1' })) !== undefined;
  const stagesToWiden = names.filter(widens);
  // where no stage can be widened by itself, as in nets with skips from end to end, all widths grow
  const free = stagesToWiden.length ? stagesToWiden : ['**'].filter(widens);
  const wider = (factor: number): GrowStep => ({
    widen: Object.fromEntries(free.map((s) => [s, `x${factor}` as const])),
  });
  const seed = (o.seed ?? 0) + steps.length;
  const widest = widestWithin(
    (factor) => cost(applied(deeper, wider(factor), { ...o, seed }).next)[key] / start,
    ratio,
  );
  if (widest > 1 && free.length) steps.push(wider(widest));
  if (!steps.length)
    throw new Refusal(
      free.length
        ? `plan: no step of ${graph.name} fits within ${ratio} times its ${key}; choose a larger factor`
        : `plan: no width of ${graph.name} can change; name a place to deepen, { deepen: '...' }`,
    );
  return steps;
}

/** The largest factor, to a thousandth, whose cost is within a ratio of the cost now. */
function widestWithin(costOf: (factor: number) => number, ratio: number): number {
  let [low, high] = [1, ratio];
  for (let i = 0; i < 12; i++) {
    const middle = (low + high) / 2;
    if (costOf(middle) <= ratio) low = middle;
    else high = middle;
  }
  return Math.floor(low * 1000) / 1000;
}

function unlessRefused<T>(edit: () => T): T | undefined {
  try {
    return edit();
  } catch (e) {
    if (e instanceof Refusal) return undefined;
    throw e;
  }
}
