/** @file Output of the command line: results on stdout, everything else on stderr. */

export const note = (text: string): void => void process.stderr.write(`${text}\n`);
export const print = (text: string): void => void process.stdout.write(`${text}\n`);
export const printJson = (value: unknown): void => print(JSON.stringify(value));

export const count = (n: number): string => n.toLocaleString('en-US');
/** How large a value is: 12.34, and 3.1e-9 where two decimals would be 0.00. */
export const magnitude = (x: number): string => (x === 0 || x >= 0.01 ? x.toFixed(2) : x.toExponential(1));
export const percent = (fraction: number): string => `${(100 * fraction).toFixed(2)} %`;

/** A number with three digits that mean something and a unit of thousands: 3.50 M, 34.1 k, 512. */
export function rounded(n: number): string {
  const units = ['', ' k', ' M', ' G', ' T', ' P'];
  let [value, unit] = [n, 0];
  while (Math.abs(value) >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return unit
    ? `${Number(value.toPrecision(3)) >= 100 ? value.toFixed(0) : value.toPrecision(3)}${units[unit]}`
    : String(n);
}

/** Ctrl-C and SIGTERM as a signal to stop after a step, until `end`. */
export function stopping(force: boolean): { readonly signal: AbortSignal; end(): void } {
  const stop = new AbortController();
  const how = force ? 'the same command without --force' : 'the same command again';
  const onSignal = (): void => {
    note(`\nstopping after this step; run ${how} to resume`);
    stop.abort();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return { signal: stop.signal, end: () => void process.off('SIGINT', onSignal).off('SIGTERM', onSignal) };
}
