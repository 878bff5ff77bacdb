/** @file Recipes of other tasks than classification: their field "task" says which of these runs them. */
import type { EngineName } from '../engine/index.ts';
import type { Locate } from '../learn/index.ts';
import { sceneTask } from './scene-tasks.ts';

export interface TaskCall {
  /** The file that the recipe came from, for errors. */
  readonly name: string;
  /** Where a value of the recipe stands in that file. */
  readonly locate: Locate;
  readonly out: string;
  readonly force: boolean;
  readonly json: boolean;
  readonly engine: EngineName;
}
/** Validates its recipe, runs it, says what came out. @throws MoonletError, UsageError as every command does. */
export type Task = (recipe: Readonly<Record<string, unknown>>, at: TaskCall) => Promise<void>;

export const tasks: Readonly<Record<string, Task>> = {
  detection: sceneTask,
  parsing: sceneTask,
  'cross-modal': sceneTask,
  'neuron-selection': sceneTask,
};
