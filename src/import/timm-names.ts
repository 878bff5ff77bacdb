/** @file timm's names for the architectures (zoo/architectures/library-names.ts), and timm's configuration of each. */

import { timmNames } from '../../zoo/architectures/library-names.ts';
import { defined } from '../access.ts';
import type { Graph } from '../graph/index.ts';
import { archOf } from './names/index.ts';
import { type TimmDefault, timmDefaults } from './timm-defaults.ts';

export interface NamedDefault {
  /** 'resnet18', or 'resnet18.tv_in1k' where single weights have their own. */
  readonly name: string;
  readonly values: TimmDefault;
}
const isPort = (name: string): boolean => name.startsWith('tf_');
/** Options that change nothing of a trained net, and those that name no model. */
const ignored = /^(?:size|classes|channels|dropout|dropPath)=/;
/** The words that make a model, in one order. */
const essential = (words: string): string =>
  words
    .split(' ')
    .filter((word) => !ignored.test(word))
    .sort()
    .join(' ');

/**
 * The name under which `timm.create_model` makes the net of a graph: 'mobilenetv2_100'. Undefined where timm has no model of
 * its options, such as a width that is not among its own, or a form for deployment.
 */
export function timmNameOf({ name }: Pick<Graph, 'name'>, ported: boolean): string | undefined {
  const words = essential(name.replace(/ as [\w-]+$/, ''));
  return Object.entries(timmNames).find(
    ([model, [theirs]]) => isPort(model) === ported && essential(theirs) === words,
  )?.[0];
}

/**
 * The configuration of the model that the graph is, or, where timm has none of its options, of one of its architecture; of
 * weights with their own, where the path names them.
 */
export function timmDefaultOf(graph: Graph, ported: boolean, path: string): NamedDefault {
  const arch = archOf(graph);
  const kin = Object.entries(timmNames).filter(
    ([model, [words]]) => isPort(model) === ported && words.replace(/ .*/, '') === arch,
  );
  const name = timmNameOf(graph, ported) ?? (kin.find(([, [words]]) => words === arch) ?? kin[0])?.[0];
  if (name === undefined) throw new Error(`${graph.name}: timm's configuration is not in the table`);
  const tagged = Object.keys(timmDefaults)
    .filter((key) => key.startsWith(`${name}.`) && path.includes(key))
    .sort((a, b) => b.length - a.length);
  const own = tagged.find((key) => !/^\w/.test(path.slice(path.lastIndexOf(key) + key.length))) ?? name;
  return { name: own, values: defined(timmDefaults[own], own) };
}

export interface TimmModel {
  /** Our architecture with its options, as `compose` reads it: 'mobilenet-v3-small width=0.5'. */
  readonly words: string;
  /** Whether it is one of timm's ports from TensorFlow (`tf_...`). */
  readonly ported: boolean;
}

/** Our architecture of one of timm's models, by its name without a tag; undefined where we have none. */
export function timmModelOf(name: string): TimmModel | undefined {
  const named = Object.hasOwn(timmNames, name) ? timmNames[name] : undefined;
  return named && { words: named[0], ported: isPort(name) };
}

/** The names of timm's models that we have. */
export const timmModels = (): readonly string[] => Object.keys(timmNames);
