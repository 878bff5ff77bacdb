/** @file Every architecture, by name. A new one is added here; the tests find it by itself. */
import { type Architecture, catalogue, parseOptions } from '../../src/build/index.ts';
import { suggestion, UsageError } from '../../src/errors.ts';
import type { Graph } from '../../src/graph/index.ts';
import { mobilenetV1 } from './mobilenet-v1.ts';
import { mobilenetV2 } from './mobilenet-v2.ts';
import { resnet18, resnet34, resnet50 } from './resnet.ts';
import { resnetCifar } from './resnet-cifar.ts';
import { wrn } from './wrn.ts';

export { mobilenetV1, mobilenetV2, resnet18, resnet34, resnet50, resnetCifar, wrn };

export const architectures: ReadonlyMap<string, Architecture> = catalogue([
  wrn,
  resnetCifar,
  resnet18,
  resnet34,
  resnet50,
  mobilenetV1,
  mobilenetV2,
]);

/**
 * The graph that words say: `['wrn', 'depth=40', 'width=2']`, or the same in one string.
 * @throws UsageError for an unknown name (with the nearest one) or bad options.
 */
export function compose(words: string | readonly string[]): Graph {
  const [name = '', ...options] = typeof words === 'string' ? words.trim().split(/\s+/) : words;
  const found = architectures.get(name);
  if (found) return found(parseOptions(found, options));
  const names = [...architectures.keys()];
  throw new UsageError(`no architecture "${name}".${suggestion(name, names)} Known: ${names.join(', ')}`);
}
