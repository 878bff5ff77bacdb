/** @file Post-training quantization of trained nets, calibrated on photographs other than those that are classified. */
import { type PostTrainingOptions, parseSteps, quantizeByData } from '../../../src/compress/index.ts';
import { runModel } from '../../../src/engine/index.ts';
import { toOnnx } from '../../../src/export/index.ts';
import type { Net } from '../../../src/weights/index.ts';
import { outputsOf, type Subject } from './edits.ts';
import type { Report } from './report.ts';

/**
 * How nets are rounded here, as `export --quantize` takes it. By the defaults EfficientNet-Lite0 loses the cat, whose first two
 * logits are 0.04 apart, and MobileNetV2 the rocket (0.13).
 */
export const rounding = 'form=full,method=percentile,round=feedback';
function roundingOptions(): PostTrainingOptions {
  const [step] = parseSteps(`quantize=8,${rounding}`, 'rounding');
  if (step?.step !== 'quantize' || step.activations === 0) throw new Error(`no rounding: ${rounding}`);
  const { step: _, examples: __, ...options } = step;
  return options;
}

interface Photographs {
  /** What is on each photograph. */
  readonly names: readonly string[];
  readonly calibration: readonly Float32Array[];
}

/** The first class of each photograph. */
function firsts(outputs: Float32Array, photos: number): readonly number[] {
  const classes = outputs.length / photos;
  return Array.from({ length: photos }, (_, i) => {
    const row = outputs.subarray(i * classes, (i + 1) * classes);
    return row.indexOf(row.reduce((a, b) => Math.max(a, b)));
  });
}

/** Signal to noise of outputs in decibels: how large they are beside what rounding changes. */
function decibels(got: Float32Array, wanted: Float32Array): number {
  const mean = wanted.reduce((a, b) => a + b, 0) / wanted.length;
  let [signal, noise] = [0, 0];
  for (const [i, v] of wanted.entries()) {
    signal += (v - mean) ** 2;
    noise += ((got[i] ?? Number.NaN) - v) ** 2;
  }
  return 10 * Math.log10(signal / noise);
}

export async function checkIntegers(
  subject: Subject,
  { names, calibration }: Photographs,
  { check, cell }: Report,
): Promise<void> {
  const { name, net, photos } = subject;
  const wanted = await outputsOf(subject);
  const [expected, count] = [firsts(wanted, photos.length), photos.length];
  const integers: Net = await quantizeByData(net, calibration, roundingOptions());
  const simulated = await outputsOf({ ...subject, net: integers });
  const bytes = toOnnx(integers);
  const file: number[] = [];
  for (const x of photos) for (const values of await runModel(bytes, x, 1)) file.push(...values);
  const got = firsts(Float32Array.from(file), count);
  const lost = names.filter((_, i) => got[i] !== expected[i]);
  check({
    ...{ net: name, what: 'int8', good: lost.length === 0 },
    figure: `top 1 kept of ${count - lost.length} of ${count}${lost.length ? ` (not of ${lost.join(', ')})` : ''}, ${decibels(Float32Array.from(file), wanted).toFixed(0)} dB above the rounding, ${(bytes.length / 2 ** 20).toFixed(1)} MiB`,
  });
  const same = firsts(simulated, count).every((c, i) => c === got[i]);
  check({ net: name, what: 'int8 simulated', good: same, figure: same ? 'the same top 1' : 'another top 1' });
  cell(name, 'int8 top 1 kept', `${count - lost.length} of ${count}`);
}
