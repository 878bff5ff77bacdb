/**
 * `moonlet/sweep`: many runs on one machine or many: search spaces, exact limits, samplers, a queue on PostgreSQL or an embedded
 * database, workers, reports.
 *
 * @module moonlet/sweep
 */
export { type Candidate, candidateOf, checkSpace } from './candidate.ts';
export { conduct, type SweepEnd, type SweepOptions, type SweepProgress } from './controller.ts';
export { type Coster, type Costs, coster, costsOf, overLimit } from './costs.ts';
export { type Database, type DatabaseOptions, openEmbedded, openPostgres } from './database.ts';
export { type Ledger, ledger, type Result, type SweepRow } from './ledger.ts';
export { pageOf } from './page.ts';
export { paretoFront } from './pareto.ts';
export { type Job, type Planner, planner, type Trial } from './planner.ts';
export { bestRows, csvOf, placesOf, type Report, type ReportRow, reportOf } from './report.ts';
export { type Draft, type Observed, type Sampler, samplerOf } from './samplers/index.ts';
export { type Dimension, parseSpace, type Space, type SpaceInput, type Values } from './space.ts';
export { folderStore, openStore, type Store } from './store.ts';
export { type Measures, type Outcome, runTrial, type TrialSpec } from './trial.ts';
export { type WorkerOptions, work } from './worker.ts';
