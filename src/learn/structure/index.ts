/** @file The training methods that belong to structural edits. */
export { addUnitsByGradient, type GradientUnitOptions, type GradientUnits } from './add-by-gradient.ts';
export { energies, type GradientOptions, gradients } from './evidence.ts';
export { type MorphNetOptions, morphnet } from './morphnet.ts';
export { type NestedOptions, nestedNet } from './nestednet.ts';
export { reestimateNorms } from './norm-statistics.ts';
export { type ReconstructOptions, reconstruct } from './reconstruct.ts';
export { type SlimmingOptions, slimming } from './slimming.ts';
export { type GradualOptions, gradually, keepZeros, type Projection, sparsityAt } from './sparse.ts';
export { type SplitOptions, type SplitUnits, splitUnits } from './split-units.ts';
export { between, overlap, type SplitNet, type SplitNetOptions, splitNet } from './splitnet.ts';
