/** @file What rounding does to a net's logits: the class that is guessed for each example, and the signal to noise. */

/** The places of the largest logits of the rows of [n, classes], flat. */
export function guesses(logits: Float32Array, classes: number): number[] {
  return Array.from({ length: logits.length / classes }, (_, i) => {
    const row = logits.subarray(i * classes, (i + 1) * classes);
    return row.indexOf(row.reduce((a, b) => Math.max(a, b)));
  });
}

/** Signal to noise of outputs in decibels: how large they are beside what rounding changes. */
export function decibels(got: Float32Array, wanted: Float32Array): number {
  const mean = wanted.reduce((a, b) => a + b, 0) / wanted.length;
  let [signal, noise] = [0, 0];
  for (const [i, v] of wanted.entries()) {
    signal += (v - mean) ** 2;
    noise += ((got[i] ?? Number.NaN) - v) ** 2;
  }
  return 10 * Math.log10(signal / noise);
}
