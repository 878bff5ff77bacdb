/**
 * @file Random small graphs that are valid by construction, over all op kinds. A graph is a list of steps; each step
 * picks an earlier value and does one thing to it if it can. Steps are plain numbers, so fast-check shrinks a failing
 * graph by dropping steps and by making their numbers smaller.
 */
import { graph, input } from '../../src/compose/index.ts';
import { ancestors, type Graph, type Kind } from '../../src/graph/index.ts';
import {
  type Dice,
  isMap,
  isVec,
  most,
  type Owner,
  pick,
  type Step,
  type StepName,
  stepNames,
  steps,
  type Value,
} from './graph-steps.ts';
import { fc } from './property.ts';

export interface GraphOptions {
  /** Steps at most; 16 unless told. */
  readonly steps?: number;
  /** Kinds of steps that may come; all unless told. */
  readonly only?: readonly StepName[];
  /** Outputs at most; 3 unless told. */
  readonly outputs?: number;
  /** Ends in this many classes: globalPool (where needed) and dense; the one output. */
  readonly classes?: number;
}

/** How often a step comes; 2 where nothing is said. Those that end a map are rare, else most values are vectors. */
const often: Partial<Record<StepName, number>> = {
  conv: 5,
  norm: 3,
  act: 3,
  shared: 4,
  globalPool: 1,
  flatten: 1,
};

interface Recipe {
  readonly size: readonly [number, number, number] | readonly [number];
  readonly list: readonly (readonly [StepName, Dice])[];
  readonly ends: readonly number[];
}

function build({ size, list, ends }: Recipe, classes: number | undefined): Graph {
  const all: Value[] = [size.length === 3 ? input(...size) : input(size[0])];
  const owners: Owner[] = [];
  list.forEach(([name, dice], i) => {
    const x = all[all.length - 1 - (dice.from % Math.min(all.length, 4))] as Value;
    const step: Step = steps[name];
    // every other step stands under a path of its own
    const y =
      i % 2 ? step(x, dice, all, owners) : underPath(`step${i}`, x, (z) => step(z, dice, all, owners));
    if (y && y.channels <= most.channels * 17) all.push(y);
  });
  const last = all.at(-1) as Value;
  if (classes !== undefined) return alive([classifier(last, classes)], all);
  const outputs = [last, ...(all.length > 1 ? ends.map((n) => pick(all.slice(1), n)) : [])];
  return alive(
    outputs.filter((x, i) => outputs.findIndex((y) => y.id === x.id) === i),
    all,
  );
}

/** The graph; owners of weights whose own values lead nowhere become outputs too, so that every node is needed. */
function alive(outputs: readonly Value[], all: readonly Value[]): Graph {
  const made = graph('random', ...outputs);
  const needed = ancestors(made, made.outputs);
  const idle = made.nodes.filter((n) => !needed.has(n.id) && n.op.kind !== 'input');
  const extra = all.filter((x) => idle.some((n) => n.id === x.id));
  return extra.length ? graph('random', ...outputs, ...extra) : made;
}

function classifier(x: Value, classes: number): Value {
  const units = isMap(x) ? x.globalPool() : x;
  return isVec(units) ? units.pipe('head', (y) => y.dense(classes)) : units;
}

/** `pipe` for a step that may decline. */
function underPath(name: string, x: Value, step: (x: Value) => Value | undefined): Value | undefined {
  let made: Value | undefined;
  x.pipe(name, (y) => {
    made = step(y);
    return made ?? y;
  });
  return made;
}

/** Random valid graphs with one input, at most 8 x 8 in space. Every node leads to an output. */
export function arbitraryGraph(o: GraphOptions = {}): fc.Arbitrary<Graph> {
  const die = fc.nat({ max: 60 });
  const dice = fc.record({ from: fc.constantFrom(0, 0, 0, 1, 2, 3), a: die, b: die, c: die });
  const side = fc.integer({ min: 3, max: 6 });
  const channels = fc.integer({ min: 1, max: 6 });
  const size: fc.Arbitrary<Recipe['size']> = fc.oneof(
    { weight: 9, arbitrary: fc.tuple(side, side, channels) },
    { weight: 1, arbitrary: fc.tuple(fc.integer({ min: 1, max: 8 })) },
  );
  const names = (o.only ?? stepNames).flatMap((n) => Array.from({ length: often[n] ?? 2 }, () => n));
  const name = fc.constantFrom(...names);
  return fc
    .record({
      size,
      list: fc.array(fc.tuple(name, dice), { minLength: 1, maxLength: o.steps ?? 16, size: 'max' }),
      ends: fc.array(fc.nat({ max: 60 }), { maxLength: (o.outputs ?? 3) - 1 }),
    })
    .map((recipe) => build(recipe, o.classes))
    .filter((g) => g.nodes.length > 1 && (o.classes === undefined || g.outputs.length === 1));
}

/** How often each kind stands in these graphs. */
export function kindCounts(graphs: readonly Graph[]): ReadonlyMap<Kind, number> {
  const counts = new Map<Kind, number>();
  for (const g of graphs) for (const n of g.nodes) counts.set(n.op.kind, (counts.get(n.op.kind) ?? 0) + 1);
  return counts;
}
