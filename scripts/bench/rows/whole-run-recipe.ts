/** @file The recipe of `npm start`, for the row of the whole run. */
import { cheapen, init, type Net } from '../../../src/index.ts';
import { loadStudent, wrn } from '../../../zoo/index.ts';

export const recipe = {
  ...{ steps: 1000, batch: 64, seed: 7, peak: 0.2, heldOut: 2000, shift: 1, evaluations: 10 },
  ...{ crossEntropy: 0.1, softTargets: 0.9, temperature: 4, attention: 1000 },
  ...{ momentum: 0.9, weightDecay: 5e-4 },
} as const;

export function teacherAndStudent(): { readonly teacher: Net; readonly student: Net } {
  const graph = cheapen(wrn({ depth: 16, width: 1, classes: 10, size: 28, channels: 1 }), 'BG(2,2)');
  return { teacher: loadStudent('mnist/wrn-16-1'), student: init(graph, { seed: recipe.seed }) };
}
