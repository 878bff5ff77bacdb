/** @file The result of a benchmark: its JSON, field by field. */

export const engines = [
  'moonlet',
  'tfjs-node',
  'wasm',
  'cpu',
  'python-torch',
  'python-keras',
  'onnxruntime-python-export',
] as const;
export type Engine = (typeof engines)[number];

export const caseNames = ['T1', 'T2', 'T3', 'T4', 'D1', 'I1', 'I2', 'I3'] as const;
export type CaseName = (typeof caseNames)[number];

export interface Measured {
  readonly case: CaseName;
  readonly engine: Engine;
  /** Of single steps over all rounds, in milliseconds. */
  readonly medianMs: number;
  /** Lower and upper quartile. */
  readonly spread: readonly [number, number];
  /** The most memory that the engine's process held at once while its steps were timed. */
  readonly peakMiB: number;
  readonly steps: number;
  /** From nets and data in memory to a step that can run: tracing, compiling, building. A Python peer's has two steps in it. */
  readonly readyMs: number;
  /** What else was tried, or what must be known to read the number. */
  readonly note?: string;
}
/** An engine that did not run a case, and why. */
export interface Missing {
  readonly case: CaseName;
  readonly engine: Engine;
  readonly missing: string;
}
export type Row = Measured | Missing;

/** Our median over the other's: below 1 we are faster. `python-best` is the faster of the Python engines. */
export interface Ratio {
  readonly case: CaseName;
  readonly engine: Engine | 'python-best';
  readonly ratio: number;
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  /** ISO 8601, when the run began. */
  readonly date: string;
  /** Of the last minute, when the run began: what other programs took. */
  readonly load: number;
  /** Of Node and of every library that ran. */
  readonly versions: Readonly<Record<string, string>>;
}

/** A single figure in milliseconds, by who did it. */
export interface Extra {
  readonly what: string;
  readonly engine: string;
  readonly medianMs: number;
}
/** How a step's time grows: milliseconds at each size. */
export interface Growth {
  readonly what: 'batch' | 'width' | 'depth';
  readonly engine: Engine;
  readonly points: readonly (readonly [size: number, medianMs: number])[];
}
export interface Report {
  /** A run of few steps, whose figures are not to be quoted. */
  readonly quick: boolean;
  readonly machine: Machine;
  readonly cases: readonly Row[];
  readonly ratios: readonly Ratio[];
  readonly extras: readonly Extra[];
  readonly growth: readonly Growth[];
}

/** What a worker is told of a case; beside it stand the nets and a batch. */
export interface Job {
  readonly case: string;
  readonly kind: 'train' | 'distill' | 'infer';
  readonly batch: number;
  readonly rate: number;
  /** Maps that attention transfer compares: student's and teacher's node. */
  readonly pairs: readonly (readonly [student: string, teacher: string])[];
  readonly quick: boolean;
}
/** What a worker says once its step is warm. */
export interface Ready {
  readonly stepMs: number;
  readonly readyMs: number;
  readonly variant?: string | undefined;
  readonly note?: string | undefined;
  /** Of its first steps, from the same weights on the same batch. */
  readonly losses?: readonly number[] | null | undefined;
  readonly params?: number | undefined;
  readonly versions: Readonly<Record<string, string>>;
}
