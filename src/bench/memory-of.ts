/** @file The memory that a process uses. */
import { readFileSync, writeFileSync } from 'node:fs';

/** The most at once. Where the system tells it by program, memory of before the start does not count. */
export function peakMiB(): number {
  return fieldMiB('VmHWM') ?? process.resourceUsage().maxRSS / 1024;
}

/** Begin to count the peak anew, where the system can. */
export function forgetPeak(): void {
  globalThis.gc?.();
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // then the peak is that of the whole run
  }
}

/** Now. */
export const residentMiB = (): number => process.memoryUsage.rss() / 2 ** 20;

function fieldMiB(name: string): number | undefined {
  try {
    const found = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8'));
    return found ? Number(found[1]) / 1024 : undefined;
  } catch {
    return undefined;
  }
}
