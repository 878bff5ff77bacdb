/** @file The public names of scene parsing. */
export { type EvaluateParserOptions, evaluateParser, type ParserEvaluation } from './evaluate.ts';
export { type DenseLabels, denseLabels, depthScale } from './labels.ts';
export { type ParserLayout, type ParsingTask, parserLayout, parsingTasks } from './layout.ts';
export {
  type Confusion,
  confusionOf,
  countPixels,
  type DepthScore,
  depthScore,
  type SegmentationScore,
  segmentationScore,
} from './metrics.ts';
export { type ParsingOptions, pairs, parsing } from './task.ts';
