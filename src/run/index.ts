/**
 * `moonlet/run`: recipes, and what runs them for the command line, scripts and programs.
 *
 * @module moonlet/run
 */

export { calibrationFor } from './calibration.ts';
export {
  type Classified,
  type Classifier,
  type ClassifierOptions,
  classifier,
  type Guess,
} from './classifier.ts';
export { type Done, type Hooks, perform, type Ready, readyFor, teacherOf } from './classify.ts';
export { checkpointFiles, dataOf, inputsOf, type Origin } from './files.ts';
export { type JsonFile, readJson, readValue } from './json-file.ts';
export { alone, type Pair, pairNamed, pairs, parsePairs } from './pairs.ts';
export { partsOf, studentOf } from './parts.ts';
export { dataFor, type PictureCard, type PictureHow, pictureCard } from './pictures.ts';
export { runScenes, type SceneRun, type SceneRunOptions } from './scenes.ts';
export { type BoardHooks, type TensorBoard, type TensorBoardOptions, tensorBoard } from './tensorboard.ts';
export * from './web.ts';
