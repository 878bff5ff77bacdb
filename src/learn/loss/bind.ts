/**
 * @file Binds losses to a pair of nets, and makes the graph that is trained: the student with the auxiliary layers of
 * its losses.
 */

import { get } from '../../access.ts';
import { MoonletError, UsageError } from '../../errors.ts';
import { check, type Graph } from '../../graph/index.ts';
import { init, type Net } from '../../weights/index.ts';
import type { Loss, LossMaker } from './loss.ts';

export interface Teachers {
  /** The net whose values the losses may read. It is frozen. */
  readonly teacher?: Net;
  /** More of them, for losses made by `taughtBy`. */
  readonly teachers?: Readonly<Record<string, Net>>;
}
export interface Bound {
  readonly losses: readonly Loss[];
  /** The student's nodes, then those beside it. */
  readonly graph: Graph;
  /** Whether a node stands beside the student. */
  isBeside(node: string): boolean;
  /** The trained student with what the losses take over from `whole`, the net with the nodes beside it. */
  merged(net: Net, whole: Net): Net;
  readonly notes: readonly string[];
}

/**
 * Makes a run's losses for its nets, and the graph with the nodes that they put beside the student.
 * @throws MoonletError for what does not fit: all that a run can be refused for before its first step.
 */
export function bind(
  student: Graph,
  makers: readonly LossMaker[],
  { teacher, teachers }: Teachers = {},
  examples?: number,
): Bound {
  if (!makers.length) throw new UsageError('losses: give one at least, or leave them out for cross-entropy');
  const losses = makers.map((make) =>
    make({ student, teacher: teacher?.graph, teacherNet: teacher, teachers, examples }),
  );
  const names = losses.map((l) => l.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new MoonletError(
      `the loss ${twice} is listed twice; give it one weight, or another teacher by "teacher"`,
    );
  const beside = losses.flatMap((l) => l.beside ?? []);
  const ids = new Set(beside.map((n) => n.id));
  return {
    losses,
    graph: beside.length ? check({ ...student, nodes: [...student.nodes, ...beside] }) : student,
    isBeside: (node) => ids.has(node),
    merged: (net, whole) => mergedBy(losses, net, whole),
    notes: losses.flatMap((l) => l.notes ?? []),
  };
}

function mergedBy(losses: readonly Loss[], student: Net, whole: Net): Net {
  const counts = new Map<string, number>();
  let net = student;
  for (const { name, merge } of losses) {
    if (!merge) continue;
    const kind = name.replace(/@.*/, '');
    const earlier = counts.get(kind) ?? 0;
    net = merge(net, (node, slot) => get(whole.weights, `${node}:${slot}`), earlier);
    counts.set(kind, earlier + 1);
  }
  return net;
}

/** The student with fresh weights for what stands beside it: keyed by path, so that its own are as they were. */
export function withBeside(student: Net, whole: Graph, seed: number): Net {
  if (whole === student.graph) return student;
  const fresh = init(whole, { seed });
  return { graph: whole, weights: new Map([...fresh.weights, ...student.weights]) };
}
