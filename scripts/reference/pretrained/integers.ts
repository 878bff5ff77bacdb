/** @file Post-training quantization of trained nets, calibrated on photographs other than those that are classified. */
import { type PostTrainingOptions, parseSteps, quantizeByData } from '../../../src/compress/index.ts';
import { runModel } from '../../../src/engine/index.ts';
import { toOnnx } from '../../../src/export/index.ts';
import type { Net } from '../../../src/weights/index.ts';
import { decibels, guesses } from '../../lib/guesses.ts';
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

export async function checkIntegers(
  subject: Subject,
  { names, calibration }: Photographs,
  { check, cell }: Report,
): Promise<void> {
  const { name, net, photos } = subject;
  const wanted = await outputsOf(subject);
  const [expected, count] = [guesses(wanted, wanted.length / photos.length), photos.length];
  const integers: Net = await quantizeByData(net, calibration, roundingOptions());
  const simulated = await outputsOf({ ...subject, net: integers });
  const bytes = toOnnx(integers);
  const file: number[] = [];
  for (const x of photos) for (const values of await runModel(bytes, x, 1)) file.push(...values);
  const got = guesses(Float32Array.from(file), file.length / count);
  const lost = names.filter((_, i) => got[i] !== expected[i]);
  check({
    ...{ net: name, what: 'int8', good: lost.length === 0 },
    figure: `top 1 kept of ${count - lost.length} of ${count}${lost.length ? ` (not of ${lost.join(', ')})` : ''}, ${decibels(Float32Array.from(file), wanted).toFixed(0)} dB above the rounding, ${(bytes.length / 2 ** 20).toFixed(1)} MiB`,
  });
  const same = guesses(simulated, simulated.length / count).every((c, i) => c === got[i]);
  check({ net: name, what: 'int8 simulated', good: same, figure: same ? 'the same top 1' : 'another top 1' });
  cell(name, 'int8 top 1 kept', `${count - lost.length} of ${count}`);
}
