/** @file The choices of compression steps, by name, in a separate file, so that reading steps loads no tensors. */

/**
 * `min-max`: all that was seen. `percentile`: without a share of the values at each end. `mse`: the range whose rounding
 * loses least, in squared error over what was seen.
 */
export const calibrationMethods = ['min-max', 'percentile', 'mse'] as const;
export type CalibrationMethod = (typeof calibrationMethods)[number];

/**
 * `nearest`: each weight to its nearest code. `feedback`: each code takes back what the ones before it did to the layer's
 * outputs on the examples (GPTQ), which is slower and much nearer to the float net. `adaptive`: up or down is optimized for the layer's
 * outputs (AdaRound), slower again and nearer for kernels of few bits; kernels of 8 bits are rounded with feedback.
 */
export const roundings = ['nearest', 'feedback', 'adaptive'] as const;
export type Rounding = (typeof roundings)[number];

/**
 * `integers`: symmetric codes with a fixed scale for each channel. `learned`: the steps of a quantized net's kernels and values are
 * trained, Esser et al. 2020, arXiv:1902.08153. `ternary`: Li and Liu 2016, arXiv:1605.04711.
 * `trained-ternary`: scales that are trained, Zhu et al. 2016, arXiv:1612.01064. `binary`: Rastegari et al. 2016,
 * arXiv:1603.05279.
 */
export const quantizedKinds = ['integers', 'learned', 'ternary', 'trained-ternary', 'binary'] as const;
export type QuantizedKind = (typeof quantizedKinds)[number];
