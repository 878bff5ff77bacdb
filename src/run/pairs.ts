/** @file Pairs of the zoo as data: teacher and student, the corresponding stages, and the recipe. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { zooFolder } from '../../zoo/folders.ts';
import { MoonletError, oneLine, suggestion, UsageError } from '../errors.ts';
import { readText } from '../files/index.ts';
import { issueText, unknownKey } from '../graph/index.ts';
import { parseRecipe, type Recipe } from './recipe.ts';

/** Who is trained how: a teacher, or a student with its teacher. */
export interface Pair {
  /** `<folder>/<id>`, where the folder mostly has the name of the dataset. */
  readonly id: string;
  /** The id of its teacher; ids with ` + ` between them for an ensemble, whose mean logits teach. */
  readonly teacher?: string;
  /** Stages of the student and the stages of the teacher that they answer to. */
  readonly stages: readonly (readonly [student: string, teacher: string])[];
  /** With the pair's own first seed; a student's names the teacher. */
  readonly recipe: Recipe;
  /** The seeds of the runs that are compared; the net of the first is shipped. */
  readonly seeds: readonly number[];
}

const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.-]*$/, 'a name of lowercase letters, digits, dots and dashes');
const stages = z.array(z.tuple([z.string(), z.string()])).min(1);
/** The fields of a recipe that a pair or a file sets; `parseRecipe` looks into them. */
const fields = z.record(z.string(), z.unknown());
/** A teacher; its recipe is a file of its own in zoo/recipes. Without one it is a teacher of another file. */
const teacher = z.strictObject({
  id: name,
  recipe: z
    .string()
    .regex(/^[a-z0-9.-]+\.json$/)
    .optional(),
});
const file = z.strictObject({
  data: name,
  /** The folder of zoo/students that the nets are in; that of the data by default. */
  folder: name.optional(),
  /** One, or several that teach together. */
  teacher: z.union([teacher, z.array(teacher).min(2)]),
  seeds: z.array(z.int().min(0)).min(1),
  /** What all students of this file have in common. */
  recipe: fields,
  students: z.array(
    z.strictObject({
      id: name,
      student: z.string(),
      block: z.string().optional(),
      stages: stages.optional(),
      /** What this one has of its own. */
      recipe: fields,
    }),
  ),
});

/** The pairs of one file: its teachers, then its students in their order. @throws UsageError that names the field. */
export function parsePairs(value: unknown, teacherRecipe: (file: string) => unknown, at: string): Pair[] {
  const parsed = file.safeParse(value, { error: unknownKey });
  if (!parsed.success) throw new UsageError(`${at}: ${issueText(parsed.error)}`);
  const { data, folder = data, teacher, seeds, recipe, students } = parsed.data;
  const listed = [teacher].flat();
  const teachers = listed.flatMap(({ id, recipe: path }): Pair[] => {
    if (path === undefined) return [];
    const own = parseRecipe(teacherRecipe(path), path);
    return [{ id: `${folder}/${id}`, stages: [], recipe: own, seeds: [own.seed] }];
  });
  const ids = listed.map(({ id }) => `${folder}/${id}`);
  const teacherId = ids.join(' + ');
  return [
    ...teachers,
    ...students.map((s): Pair => {
      const losses = s.recipe['losses'] ?? recipe['losses'];
      const own = {
        ...recipe,
        ...s.recipe,
        ...(Array.isArray(losses) ? { losses: losses.map((l) => withStages(l, s.stages)) } : {}),
        data,
        student: s.student,
        ...(s.block ? { block: s.block } : {}),
        ...(ids.length > 1 ? { ensemble: ids } : { teacher: teacherId }),
        seed: seeds[0],
      };
      return {
        id: `${folder}/${s.id}`,
        teacher: teacherId,
        stages: s.stages ?? [],
        recipe: parseRecipe(own, `${at}: ${s.id}`),
        seeds,
      };
    }),
  ];
}

/** Attention that names no pairs compares the stages of the map; `parseRecipe` checks the rest. */
function withStages(loss: unknown, map: Pair['stages'] | undefined): unknown {
  if (typeof loss !== 'object' || !loss || !('kind' in loss) || loss.kind !== 'attention') return loss;
  return map && !('pairs' in loss) ? { ...loss, pairs: map } : loss;
}

const json = (path: string): unknown => {
  try {
    return JSON.parse(readText(path));
  } catch (e) {
    if (e instanceof MoonletError) throw e;
    throw new MoonletError(`${path}: not JSON (${oneLine(e instanceof Error ? e.message : String(e))})`);
  }
};

/** Every pair of the zoo: by dataset, teachers before their students. */
export function pairs(): readonly Pair[] {
  const folder = zooFolder('pairs');
  const files = existsSync(folder) ? readdirSync(folder).filter((f) => f.endsWith('.json')) : [];
  const all = files
    .sort()
    .flatMap((f) =>
      parsePairs(
        json(join(folder, f)),
        (recipe) => json(join(zooFolder('recipes'), recipe)),
        `zoo/pairs/${f}`,
      ),
    );
  const twice = all.find(({ id }, i) => all.findIndex((p) => p.id === id) !== i);
  if (twice) throw new MoonletError(`zoo/pairs: ${twice.id} is listed twice; rename one`);
  return all;
}

/**
 * A pair of the zoo by its id, `<dataset>/<id>`.
 * @throws UsageError with the nearest name.
 */
export function pairNamed(id: string): Pair {
  const all = pairs();
  const found = all.find((p) => p.id === id);
  if (found) return found;
  const names = all.map((p) => p.id);
  throw new UsageError(`no pair "${id}" in zoo/pairs.${suggestion(id, names)} Known: ${names.join(', ')}`);
}

/** The same student at the same budget without its teacher: plain cross-entropy, all else equal. */
export function alone(recipe: Recipe): Recipe {
  const { teacher, ensemble, teachers, assistants, generations, stages, ...rest } = recipe;
  const steps = stages ? stages.reduce((n, s) => n + s.steps, 0) : recipe.steps;
  return { ...rest, steps, losses: [{ kind: 'cross-entropy', weight: 1, labelSmoothing: 0 }] };
}
