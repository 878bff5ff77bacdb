/** @file What a teacher says of the training images, on disk: shared by all its students and all their seeds. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomically } from '../../src/files/index.ts';
import type { Graph } from '../../src/graph/index.ts';
import {
  memoryCache,
  packCache,
  type TeacherCache,
  teacherIdentity,
  unpackCache,
} from '../../src/learn/train/index.ts';
import { logitsAt } from '../../src/read/index.ts';
import { fitOptions, type Recipe } from '../../src/run/index.ts';
import type { Net } from '../../src/weights/index.ts';

export interface DiskCache {
  readonly cache: TeacherCache;
  /** Writes what is new. */
  save(): void;
}

/**
 * The cache of this teacher for the views of this recipe. Only logits are kept: feature maps would take gigabytes, and
 * a loss that reads them asks the teacher at each step. Undefined where that is so, or where views never come again.
 */
export async function diskCache(
  folder: string,
  student: Graph,
  teacher: Net,
  recipe: Recipe,
): Promise<DiskCache | undefined> {
  const nets = { student, teacher: teacher.graph };
  const wanted = [
    ...new Set(((await fitOptions(recipe)).losses ?? []).flatMap((make) => make(nets).teacher ?? [])),
  ];
  const logits = logitsAt(teacher.graph);
  if (recipe.views === undefined || wanted.length !== 1 || wanted[0] !== logits) return undefined;
  const { data, augment, validation, limit, viewSeed = recipe.seed } = recipe;
  const identity = await teacherIdentity(teacher, wanted, { data, augment, validation, limit, viewSeed });
  const path = join(
    folder,
    `${(recipe.teacher ?? 'teacher').replaceAll('/', '-')}-${identity.slice(0, 12)}.safetensors`,
  );
  const stored = (): TeacherCache =>
    existsSync(path) ? unpackCache(readFileSync(path), identity) : memoryCache();
  const cache = stored();
  let saved = cache.size;
  return {
    cache,
    save: () => {
      if (cache.size === saved) return;
      // another run of this teacher may have written meanwhile
      for (const [key, values] of stored().entries()) cache.set(key, values);
      writeAtomically(path, packCache(cache, identity));
      saved = cache.size;
    },
  };
}
