/**
 * `moonlet/zoo`: architectures by name, trained students with their teachers.
 *
 * @module moonlet/zoo
 */

export * from './architectures/index.ts';
export type { Card } from './card.ts';
export { type FetchedNet, type FetchNetOptions, fetchNet } from './fetch-net.ts';
export { holdsNet, studentFolder, studentNames } from './folders.ts';
export { makeIndex } from './make-index.ts';
export { filesOf, jsonFile } from './net-files.ts';
export { loadNet, saveNet } from './nets.ts';
export { readOnnxFile } from './onnx-file.ts';
export { type PretrainedNet, pretrainedNets } from './pretrained.ts';
export { cacheFolder, type Pulled, type PullOptions, pull } from './pull.ts';
export { parseIndex, type RegistryIndex } from './registry.ts';
export {
  type LoadOptions,
  loadStudent,
  readCard,
} from './students.ts';
