/** @file Numbers as texts for people. */

export const count = (n: number): string => Math.round(n).toLocaleString('en-US');

/** Three digits and a unit of thousands: 3.50 M, 34.1 k, 512. */
export function short(n: number): string {
  const units = ['', ' k', ' M', ' G', ' T'];
  let [value, unit] = [n, 0];
  while (Math.abs(value) >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return unit ? `${value.toPrecision(3)}${units[unit]}` : String(Math.round(value));
}
export const bytes = (n: number): string => `${short(n)}${n >= 999.5 ? 'B' : ' B'}`;
export const percent = (share: number, digits = 2): string => `${(100 * share).toFixed(digits)} %`;
export const milliseconds = (ms: number): string =>
  ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${ms < 10 ? ms.toFixed(2) : ms.toFixed(0)} ms`;
export const shapeText = (shape: readonly number[]): string => shape.join(' × ');
/** How many times larger b is than a: ×2.0, or ×0.50. */
export const ratio = (a: number, b: number): string =>
  a > 0 ? `×${(b / a).toPrecision(b / a >= 10 ? 3 : 2)}` : '';
