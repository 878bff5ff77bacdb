/** @file The public names of losses: their type, the places they read, and their schedules. */
export { type Bound, bind, type Teachers } from './bind.ts';
export { type CrossEntropyOptions, crossEntropy, crossEntropyOf } from './cross-entropy.ts';
export {
  type BesideTeacher,
  type Loss,
  type LossMaker,
  type Nets,
  type Picks,
  type Signals,
  taughtBy,
  teacherOf,
  type Variable,
} from './loss.ts';
export { constant, cosine, oneCycle, type Schedule, schedule, scheduleNames, stepwise } from './schedule.ts';
export { stopGradient } from './stop-gradient.ts';
export { stagePairs, strideTaps, type Tap, type TapPair, tap } from './taps.ts';
