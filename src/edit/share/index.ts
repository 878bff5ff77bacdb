/** @file The public names of weight sharing. */
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
