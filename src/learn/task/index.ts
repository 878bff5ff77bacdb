/** @file The public names of tasks: classification, detection, scene parsing; batches, checks and measures. */
export {
  type Augment,
  type AugmentPreset,
  augmentPresets,
  type Erasing,
  type Mixing,
} from './augment.ts';
export { type Batch, batches, checkFit, type Labelled, passes } from './batches.ts';
export {
  type DetectionOptions,
  type DetectorLossOptions,
  detection,
  detectorLoss,
  evaluateDetector,
  type SsdAnchorOptions,
  type SsdDetection,
  type SsdOptions,
  ssdAnchors,
  ssdDetections,
} from './detect/index.ts';
export {
  type ClassScore,
  type EvaluateOptions,
  type Evaluation,
  evaluate,
  evaluateStreamed,
  type LabelPair,
  type Streamed,
  score,
} from './evaluate.ts';
export { interval95, wilson } from './interval.ts';
export {
  type DepthScore,
  depthScore,
  type EvaluateParserOptions,
  evaluateParser,
  type ParserEvaluation,
  type ParsingOptions,
  pairs,
  parserLayout,
  parsing,
  type SegmentationScore,
  segmentationScore,
} from './parse/index.ts';
export type { Scale } from './scale.ts';
export { type Modality, modalities } from './scene-input.ts';
export {
  type ClassificationOptions,
  classification,
  type Targets,
  type Task,
  type TaskInMemory,
  type TrainingImages,
} from './task.ts';
export type { TeacherImages } from './teacher-images.ts';
