/** @file Resolves the names of a widening to variables, and the width of each. */

import { first, get } from '../../access.ts';
import { Refusal, suggestion, UsageError } from '../../errors.ts';
import { type Channels, type Graph, stages, type Variable } from '../../graph/index.ts';
import { isRecord, shown } from '../options.ts';
import { globOf, type Request, someOf } from './copies.ts';
import { checkWidth, type Width } from './width.ts';

/**
 * What several names ask for. Names may overlap as long as they ask for the same.
 * @throws UsageError when they do not, and what `request` throws.
 */
export function requestsOf(
  graph: Graph,
  all: Channels,
  widths: Readonly<Record<string, Width>>,
): readonly Request[] {
  const requests = new Map<Variable, { readonly where: string; readonly request: Request }>();
  if (!isRecord(widths))
    throw new UsageError(
      `${graph.name}: widths must be an object such as { stage1: 'x1.5' }, got ${shown(widths)}`,
    );
  for (const [where, width] of Object.entries(widths)) {
    checkWidth(where, width);
    for (const request of requestsAt(graph, all, where, width)) {
      const before = requests.get(request.variable);
      if (before && before.request.width !== request.width) {
        throw new UsageError(
          `${where}=${width}: "${before.where}" already sets ${request.variable.name} to ${before.request.width}; name it once`,
        );
      }
      requests.set(request.variable, { where, request });
    }
  }
  return [...requests.values()].map(({ request }) => request);
}

/**
 * The variables that a name means: a stage (the width of the value that leaves it), a variable's name, an alias, a node
 * (the width of its value), or a glob over all of these, such as `stage*` or `stage2/*`. A value that is made of several
 * layers' channels is scaled as a whole.
 * @throws UsageError with the nearest name; Refusal when what it means cannot change.
 */
function requestsAt(graph: Graph, all: Channels, where: string, width: Width): readonly Request[] {
  const { variables } = all;
  const stage = stages(graph).find(({ name }) => where === name || where === `${name}/width`);
  if (stage) return valueRequest(all, where, stage.end, width);
  const pattern = globOf(where);
  const matches = pattern
    ? variables.filter((v) => [v.name, ...v.aliases].some((n) => pattern.test(n)))
    : named(variables, where);
  const ends = stages(graph).flatMap(({ name, end }) =>
    pattern?.test(name) ? [new Set(get(all.of, end))] : [],
  );
  if (!matches.length && !ends.length) {
    if (graph.nodes.some((n) => n.id === where)) return valueRequest(all, where, where, width);
    const names = [...stages(graph).map((s) => s.name), ...variables.map((v) => v.name)];
    throw new UsageError(
      `${graph.name}: nothing to widen at "${where}".${suggestion(where, names)} There are ${someOf(names, 12)}`,
    );
  }
  const inEnds = variables.filter((v) => ends.some((value) => meets(v, value)));
  const free = [...new Set([...matches, ...inEnds])].filter((v) => !v.frozen);
  if (!free.length) {
    const [frozen = -1] = ends[0] ?? [];
    throw frozenWidth(where, matches[0]?.frozen ?? all.frozen.get(frozen));
  }
  return free.map((variable) =>
    typeof width === 'number' && variable.width !== variable.classes.length
      ? partOf(all, variable, where, first(variable.producers), width)
      : { variable, width },
  );
}

/** The variable of this name, or all with this alias. */
function named(variables: readonly Variable[], where: string): readonly Variable[] {
  const variable = variables.find((v) => v.name === where);
  return variable ? [variable] : variables.filter((v) => v.aliases.includes(where));
}
const meets = (v: Variable, value: ReadonlySet<number>): boolean => v.classes.some((id) => value.has(id));
const frozenWidth = (where: string, reason: string | undefined): Refusal =>
  new Refusal(`${where}: its width cannot change, since ${reason}`);

/** The variables that a node's value is made of. */
function valueRequest(all: Channels, where: string, id: string, width: Width): readonly Request[] {
  const value = get(all.of, id);
  const classes = new Set(value);
  const free = all.variables.filter((v) => !v.frozen && meets(v, classes));
  const [variable] = free;
  if (!variable) throw frozenWidth(where, all.frozen.get(value[0] ?? -1));
  if (free.length === 1 && variable.classes.length === value.length) return [{ variable, width }];
  return free.map((v) =>
    typeof width === 'number' ? partOf(all, v, where, id, width) : { variable: v, width },
  );
}

/** A variable scaled so that a node's value becomes `channels` wide. */
function partOf(all: Channels, variable: Variable, where: string, id: string, channels: number): Request {
  const value = get(all.of, id);
  return { variable, width: `x${channels / value.length}`, total: { where, value, channels } };
}
