/** @file Shared weights as edits. */
export { type CentroidStart, type KMeans, kMeans } from './k-means.ts';
export {
  type CirculateOptions,
  circulate,
  type HashOptions,
  hashWeights,
  type ShareOptions,
  type ShareWhere,
  shareWeights,
} from './share.ts';
