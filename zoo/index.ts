/**
 * `moonlet/zoo`: architectures by name, trained students with their teachers.
 *
 * @module moonlet/zoo
 */

export * from './architectures/index.ts';
export { holdsNet, studentFolder, studentNames } from './folders.ts';
export { filesOf, jsonFile, loadNet, saveNet } from './nets.ts';
export { readOnnxFile } from './onnx-file.ts';
export { type PretrainedNet, pretrainedNets } from './pretrained.ts';
export { cacheFolder, type Pulled, type PullOptions, pull } from './pull.ts';
export { makeIndex, parseIndex, type RegistryIndex } from './registry.ts';
export {
  type Card,
  type LoadOptions,
  loadStudent,
  readCard,
} from './students.ts';
