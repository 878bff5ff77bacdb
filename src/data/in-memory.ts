/**
 * @file The part of `moonlet/data` that needs no files: datasets made of arrays, parts of splits, and scenes. It is what browsers
 * get as `moonlet/data`, and what rooms that run in browsers import.
 */
export { bytesOfImages, checkSplit } from './check.ts';
export {
  channelValues,
  type Dataset,
  type Labels,
  labelsFor,
  labelsLike,
  type PerChannel,
  type Pixels,
  pixelsLike,
  type Split,
} from './dataset.ts';
export type { Picture, Preparation } from './images/index.ts';
export type { PictureSource } from './images/source.ts';
export { type DatasetInput, dataset, type SplitInput } from './own.ts';
export {
  type Attributes,
  attributesOf,
  type Box,
  contour,
  edges,
  makeScene,
  type Scene,
  type SceneObject,
  type SceneOptions,
  type Scenes,
  scenes,
  seen,
  segmentation,
} from './scenes/index.ts';
export { hold, holdIndices, subset, take, takeIndices } from './split.ts';
