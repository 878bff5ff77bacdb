/** @file What is chosen before anything is trained: students of the page, with their names and costs, and the settings of a run. */
import { cost } from '../../read/cost.ts';
import { students } from '../work/students.ts';

export const choices = students.map(({ id, name, make }) => {
  const { params, macs } = cost(make());
  return { id, name, params, macs };
});

export interface Wanted {
  readonly data: string;
  readonly student: string;
  readonly teacher: string;
  readonly method: string;
  readonly steps: number;
  readonly batch: number;
  readonly rate: number;
  readonly seed: number;
  /** Whether the student also learns without the teacher. */
  readonly isCompared: boolean;
}
