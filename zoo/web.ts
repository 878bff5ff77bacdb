/**
 * @file `moonlet/zoo` in browsers: architectures by name, and trained nets from a static server. The nets of the package lie in
 * `zoo/students` and `zoo/teachers`; serve such a folder and its `index.json`.
 */
export * from './architectures/index.ts';
export type { Card } from './card.ts';
export { type FetchedNet, type FetchNetOptions, fetchNet } from './fetch-net.ts';
export { parseIndex, type RegistryIndex } from './registry.ts';
