/** @file What a person asks for in a run. */

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
