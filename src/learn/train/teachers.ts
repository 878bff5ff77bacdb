/** @file The teachers of a run: which of their values its losses read, and all of them asked for a batch at once. */
import type { EngineOptions } from '../../engine/index.ts';
import { MoonletError } from '../../errors.ts';
import { check } from '../../graph/index.ts';
import { type Net, net } from '../../weights/index.ts';
import type { Teachers } from '../loss/bind.ts';
import type { Loss } from '../loss/loss.ts';
import { type Guide, guide, type TeacherCache } from './teacher.ts';

/** A teacher that losses read. */
export interface Taught {
  /** Its name in the losses; empty for the one without a name. */
  readonly name: string;
  /** The teacher with the nodes that losses put beside it. */
  readonly teacher: Net;
  /** The nodes whose values are read. */
  readonly ids: readonly string[];
}

/**
 * The teachers that losses read. In a loss, an id alone is a node of the unnamed teacher, `big:id` one of the teacher `big`.
 * @throws MoonletError for nodes beside a teacher that do not fit it.
 */
export function teachersOf(losses: readonly Loss[], { teacher, teachers }: Teachers): readonly Taught[] {
  const wanted = [...new Set(losses.flatMap((l) => l.teacher ?? []))];
  return [['', teacher] as const, ...Object.entries(teachers ?? {})].flatMap(([name, given]) => {
    const prefix = prefixOf(name);
    const ids = wanted.filter((id) => id.slice(0, id.indexOf(':') + 1) === prefix);
    if (!given || !ids.length) return [];
    return { name, teacher: withParts(given, name, losses), ids: ids.map((id) => id.slice(prefix.length)) };
  });
}
const prefixOf = (name: string): string => name && `${name}:`;

/** A teacher with what losses put beside it. Two losses may put the same there. */
function withParts(teacher: Net, name: string, losses: readonly Loss[]): Net {
  const parts = losses.flatMap((l) => ((l.besideTeacher?.of ?? '') === name ? (l.besideTeacher ?? []) : []));
  if (!parts.length) return teacher;
  const own = new Set(teacher.graph.nodes.map((n) => n.id));
  const taken = parts.flatMap((p) => p.nodes).find((n) => own.has(n.id));
  if (taken)
    throw new MoonletError(
      `${teacher.graph.name}: a loss puts "${taken.id}" beside it, which is a node of its own`,
    );
  const nodes = new Map([...teacher.graph.nodes, ...parts.flatMap((p) => p.nodes)].map((n) => [n.id, n]));
  const weights = new Map([...teacher.weights, ...parts.flatMap((p) => [...p.weights])]);
  return net(check({ ...teacher.graph, nodes: [...nodes.values()] }), weights);
}

/** All teachers that losses read, ready to be asked. The cache is that of the unnamed one. */
export async function guides(
  losses: readonly Loss[],
  { teacherCache: cache, ...o }: Teachers & { readonly teacherCache?: TeacherCache },
  engine: EngineOptions,
): Promise<Omit<Guide, 'verify'>> {
  const all: { readonly name: string; readonly guide: Guide }[] = [];
  for (const { name, teacher, ids } of teachersOf(losses, o))
    all.push({ name, guide: await guide(teacher, ids, { ...engine, ...(cache && !name ? { cache } : {}) }) });
  const named = <T>(name: string, values: ReadonlyMap<string, T>): (readonly [string, T])[] =>
    [...values].map(([id, value]) => [`${prefixOf(name)}${id}`, value] as const);
  return {
    shapes: new Map(all.flatMap((g) => named(g.name, g.guide.shapes))),
    of: async (batch) => {
      const said: (readonly [string, Float32Array])[] = [];
      for (const g of all) said.push(...named(g.name, await g.guide.of(batch)));
      return new Map(said);
    },
    release: async () => {
      for (const g of all) await g.guide.release();
    },
  };
}
