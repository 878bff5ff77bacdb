/**
 * `moonlet/architectures`: every architecture as a function, and all of them by name.
 *
 * @module moonlet/architectures
 */
import { type Architecture, catalogue, parseOptions } from '../../src/compose/index.ts';
import { suggestion, UsageError } from '../../src/errors.ts';
import type { Graph } from '../../src/graph/index.ts';
import * as families from './families.ts';
import { ownWords } from './libraries.ts';

export * from './families.ts';
export { isLibraryName, libraryModels } from './libraries.ts';
export { type SsdLiteOptions, withSsdLite } from './ssd-head.ts';

/** Names to architectures, in the order of the names. */
const byName = (list: readonly Architecture[]): ReadonlyMap<string, Architecture> =>
  catalogue([...list].sort((a, b) => (a.name < b.name ? -1 : 1)));

const scenes: readonly Architecture[] = [families.detector, families.padNet, families.parser];

/** The architectures that work on scenes, by name: not classifiers of images, and with several outputs. */
export const sceneArchitectures: ReadonlyMap<string, Architecture> = byName(scenes);

const segmenters: readonly Architecture[] = [families.ddrnet23Slim, families.lrasppMobilenetV3Large];

/** The architectures that give each pixel of an image its classes, by name: one output, the logits [h, w, classes]. */
export const segmentationArchitectures: ReadonlyMap<string, Architecture> = byName(segmenters);

const detectors: readonly Architecture[] = [families.ssdliteMobilenetV3Large];

/** The architectures that detect objects in images, by name: outputs are those of SSD. `withSsdLite` makes more of them. */
export const detectionArchitectures: ReadonlyMap<string, Architecture> = byName(detectors);

const others = [...scenes, ...segmenters, ...detectors];
/** The architectures that classify images, by name. */
export const architectures: ReadonlyMap<string, Architecture> = byName(
  Object.values<Architecture>(families).filter((a) => !others.includes(a)),
);

/** All of them. */
const everything = new Map([
  ...architectures,
  ...segmentationArchitectures,
  ...detectionArchitectures,
  ...sceneArchitectures,
]);

/**
 * The graph that a name and options describe, as words or in one string. A model of another library by its name there
 * (`timm/tinynet_d`, `torchvision/shufflenet_v2_x1_5`, `keras/MobileNetV3Small`) is our architecture with its options and
 * the size that it was made for; options behind the name replace these.
 *
 * @throws UsageError for an unknown name (with the nearest one) or wrong options.
 * @example
 * import { compose } from 'moonlet/architectures';
 * import { cost } from 'moonlet';
 *
 * const graph = compose('wrn depth=16 width=2 classes=100'); // or compose(['wrn', 'depth=16', ...])
 * cost(graph).params; // 703284
 * compose('timm/tinynet_d').name; // 'tinynet-d'
 */
export function compose(words: string | readonly string[]): Graph {
  const parts = typeof words === 'string' ? [words] : words;
  const single = parts.flatMap((word) => word.trim().split(/\s+/)); // a shell may have quoted them as one
  const [name = '', ...options] = ownWords(single);
  const arch = everything.get(name);
  if (arch) return arch(parseOptions(arch, options));
  const names = [...everything.keys()];
  throw new UsageError(`no architecture "${name}".${suggestion(name, names)} Known: ${names.join(', ')}`);
}
