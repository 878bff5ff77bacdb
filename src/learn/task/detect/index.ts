/** @file The public names of detection. */
export { anchorBoxes, background, match, sampleAnchors, undecided } from './anchors.ts';
export {
  type Detection,
  type DetectionScore,
  meanAveragePrecision,
  type Truth,
} from './average-precision.ts';
export { area, type Box, clip, decode, encode, iou, type Offsets } from './boxes.ts';
export { type CropWeights, crops, cropWeights, vote } from './crops.ts';
export {
  type DetectOptions,
  type DetectorEvaluation,
  detect,
  type EvaluateDetectorOptions,
  evaluateDetector,
  voted,
} from './evaluate.ts';
export { anchorShapes, type DetectorLayout, detectorLayout } from './layout.ts';
export {
  anchorOffsetsLoss,
  classLoss,
  type DetectorLossOptions,
  type DetectorWords,
  detectionTargets,
  detectorLoss,
  logSoftmax,
  objectnessLoss,
  offsetsLoss,
  onObjects,
  smoothL1,
  words,
} from './loss.ts';
export { nms } from './nms.ts';
export { assigned, type Proposal, sampleProposals } from './proposals.ts';
export {
  type SsdAnchorOptions,
  type SsdDetection,
  type SsdOptions,
  ssdAnchors,
  ssdDetections,
} from './ssd.ts';
export { type DetectionOptions, detection } from './task.ts';
