/** @file Where the zoo's data lie, and the names of what is there; no file is read. */
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { suggestion, UsageError } from '../src/errors.ts';
import { packageFolder, settle } from '../src/files/index.ts';

/** A folder of the zoo's data, in the checkout or in the package. */
export const zooFolder = (kind: 'students' | 'pairs' | 'recipes'): string =>
  join(packageFolder(), 'zoo', kind);

/** Every shipped student's name, `<dataset>/<id>`; teachers stand beside students. */
export function studentNames(): readonly string[] {
  const root = zooFolder('students');
  return folders(root).flatMap((data) => folders(join(root, data)).map((id) => `${data}/${id}`));
}

/** The folder of a shipped student, or of the net that a path names; it need not be there. */
export const studentFolder = (name: string): string =>
  studentNames().includes(name) ? join(zooFolder('students'), name) : netFolder(name);

/** A path as the working directory sees it; recipes of the package also name `zoo/teachers/...` of the package. */
function netFolder(path: string): string {
  const here = resolve(path);
  const shipped = join(packageFolder(), path);
  return path.startsWith('zoo/teachers/') && !existsSync(here) && existsSync(shipped) ? shipped : here;
}

/** Whether a name is that of an .onnx file. */
export const isOnnxFile = (name: string): boolean => onnxName.test(name) && existsSync(name);
const onnxName = /\.onnx$/i;

/** Whether a folder or an .onnx file holds a net. A change of its files that was interrupted is finished first. */
export function holdsNet(folder: string): boolean {
  if (isOnnxFile(folder)) return true;
  settle(folder);
  return existsSync(join(folder, 'graph.json'));
}

/**
 * The folder of a net that a person names: a shipped student, a folder with graph.json, or an .onnx file.
 * @throws UsageError when it is neither.
 */
export function findStudent(name: string): { readonly folder: string; readonly shipped: boolean } {
  const names = studentNames();
  if (names.includes(name)) return { folder: join(zooFolder('students'), name), shipped: true };
  const folder = netFolder(name);
  if (onnxName.test(name) && !existsSync(name)) throw new UsageError(`no file "${name}"`);
  if (holdsNet(folder)) return { folder, shipped: false };
  throw new UsageError(
    `no student "${name}", and no folder of that name with graph.json.${suggestion(name, names)} Shipped: ${names.join(', ') || 'none'}`,
  );
}

/** The recipes of the package by name: `hints` for zoo/recipes/hints.json. */
export const recipeNames = (): readonly string[] =>
  readdirSync(zooFolder('recipes'))
    .flatMap((file) => (file.endsWith('.json') ? [file.slice(0, -'.json'.length)] : []))
    .sort();

/** The names of the folders in a folder, sorted; none when it is not there. */
export const folders = (path: string): string[] =>
  existsSync(path)
    ? readdirSync(path, { withFileTypes: true })
        .flatMap((e) => (e.isDirectory() ? [e.name] : []))
        .sort()
    : [];
