/**
 * @file Exact costs of candidates and their limits, from graphs alone: no weights are made. Costs are kept by student and block, since
 * candidates that differ in how they are trained cost the same.
 */
import { architectures, compose, isLibraryName } from '../../zoo/architectures/index.ts';
import type { Dataset } from '../data/index.ts';
import { cheapen } from '../edit/cheapen.ts';
import { MoonletError } from '../errors.ts';
import type { Graph } from '../graph/index.ts';
import { cost } from '../read/cost.ts';
import type { Recipe } from '../run/recipe.ts';
import { firstStudent, startOn } from '../run/start.ts';
import { type LimitName, limitNames, type Space } from './space.ts';

/** What a net costs before it is trained, for one example. Bytes are those of float32. */
export interface Costs {
  readonly params: number;
  readonly macs: number;
  /** Of the stored weights, running statistics included. */
  readonly bytes: number;
  /** The most memory that values need at once in inference. */
  readonly peakBytes: number;
}
export type About = Pick<Dataset, 'name' | 'shape' | 'classes'>;

/** The costs of a graph. */
export function costsOf(graph: Graph): Costs {
  const { params, macs, normStats, peakBytes } = cost(graph);
  const indices = graph.nodes.reduce((n, { op }) => n + (op.kind === 'permute' ? op.order.length : 0), 0);
  return { params, macs, bytes: 4 * (params + normStats - indices), peakBytes };
}

/**
 * The graph that a recipe begins with.
 * @param about the data, which the input and the head of trained nets follow.
 * @throws MoonletError for a student that does not exist or whose options do not fit together.
 */
export function graphOf(recipe: Recipe, about: About | undefined): Graph {
  if (!isPlain(recipe)) return firstStudent(recipe, startOn(recipe, about).net, about).graph;
  const graph = compose(recipe.student);
  return recipe.block === undefined ? graph : cheapen(graph, recipe.block);
}

/** Whether the graph is that of an architecture as it stands, so that no weights are needed to make it. */
function isPlain({ student, size, channels, classes, grow, newHead }: Recipe): boolean {
  const name = student.trim().split(/\s+/)[0] ?? '';
  return (
    (architectures.has(name) || isLibraryName(name)) &&
    [size, channels, classes, grow, newHead].every((field) => field === undefined)
  );
}

/** Costs by recipe, each computed once. A text says why there is no such net. */
export type Coster = (recipe: Recipe) => Costs | string;

/** So many different nets are kept. */
const most = 200_000;

export function coster(about: About | undefined): Coster {
  const known = new Map<string, Costs | string>();
  return (recipe) => {
    const { student, block, size, channels, classes, grow, newHead } = recipe;
    const key = isPlain(recipe)
      ? `${student}|${block ?? ''}`
      : JSON.stringify([student, block, size, channels, classes, grow, newHead]);
    const before = known.get(key);
    if (before !== undefined) return before;
    const found = unlessRefused(() => costsOf(graphOf(recipe, about)));
    if (known.size >= most) known.clear();
    known.set(key, found);
    return found;
  };
}

function unlessRefused<T>(make: () => T): T | string {
  try {
    return make();
  } catch (e) {
    if (e instanceof MoonletError) return e.message;
    throw e;
  }
}

/** The first limit that is not kept, in words; undefined when all are. */
export function overLimit(
  costs: Readonly<Partial<Record<LimitName, number>>>,
  limits: Space['limits'],
): string | undefined {
  for (const [name, { min = 0, max = Number.POSITIVE_INFINITY }] of limitEntries(limits)) {
    const value = costs[name];
    if (value === undefined) continue;
    if (value > max) return `${name}: ${value}, at most ${max} allowed`;
    if (value < min) return `${name}: ${value}, at least ${min} wanted`;
  }
  return undefined;
}

const limitEntries = (limits: Space['limits']) =>
  limitNames.flatMap((name) => {
    const found = limits[name];
    return found ? [[name, found] as const] : [];
  });
