/** @file The models of timm, torchvision and Keras by their own names, as words for our architectures. */
import { suggestion, UsageError } from '../../src/errors.ts';
import { kerasNames, type LibraryName, timmNames, torchvisionNames } from './library-names.ts';

const libraries: Readonly<Record<string, Readonly<Record<string, LibraryName>>>> = {
  timm: timmNames,
  torchvision: torchvisionNames,
  keras: kerasNames,
};

/** Whether a word has the form of a model of a library, such as `timm/tinynet_d`, known or not. */
export const isLibraryName = (word: string): boolean =>
  Object.keys(libraries).some((library) => word.startsWith(`${library}/`));

/** The names of all models of other libraries that the architectures make: `timm/tinynet_d`, ... */
export const libraryModels = (): readonly string[] =>
  Object.entries(libraries).flatMap(([library, models]) =>
    Object.keys(models).map((model) => `${library}/${model}`),
  );

/**
 * Words that begin with a model of a library in our words: its options and its size, replaced by those that follow. A tag of
 * timm's weights (`timm/tinynet_d.in1k`) makes no difference. Other words are returned as they are.
 * @throws UsageError for a model that is not held, with the nearest name.
 */
export function ownWords(words: readonly string[]): readonly string[] {
  const [name = '', ...options] = words;
  if (!isLibraryName(name)) return words;
  const slash = name.indexOf('/');
  const [library, model] = [name.slice(0, slash), name.slice(slash + 1).replace(/\..*$/s, '')];
  const models = libraries[library] ?? {};
  const found = Object.hasOwn(models, model) ? models[model] : undefined;
  if (!found) {
    const names = Object.keys(models);
    throw new UsageError(
      `no architecture makes "${name}".${suggestion(model, names)} Known of ${library}: ${names.join(', ')}`,
    );
  }
  const [ours = '', ...usual] = [...found[0].split(' '), `size=${found[1]}`];
  const given = new Set(options.map((option) => option.replace(/=.*$/s, '')));
  return [ours, ...usual.filter((option) => !given.has(option.replace(/=.*$/s, ''))), ...options];
}
