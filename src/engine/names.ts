/** @file The engines by name; apart from `engine.ts`, so that a command line can read its options without loading tf. */
import { suggestion, UsageError } from '../errors.ts';

/**
 * `onnxruntime` traces a function once and runs it natively. The others run it eagerly, op by op: `wasm` and `cpu`
 * from npm alone, `tfjs-node` where that package is installed.
 */
export const engineNames = ['onnxruntime', 'tfjs-node', 'wasm', 'cpu'] as const;
export type EngineName = (typeof engineNames)[number];

/** @throws UsageError for a name that is no engine. */
export function engineNamed(name: string): EngineName {
  const found = engineNames.find((n) => n === name);
  if (found) return found;
  throw new UsageError(
    `no engine "${name}".${suggestion(name, engineNames)} Known: ${engineNames.join(', ')}`,
  );
}

/** The option `threads` in words, as a command line has it. @throws UsageError when it is no such number. */
export function threadsOf(text: string | undefined): { readonly threads?: number } {
  if (text === undefined) return {};
  const threads = Number(text);
  if (Number.isInteger(threads) && threads >= 1 && threads <= 1024) return { threads };
  throw new UsageError(`--threads must be a whole number from 1 to 1024, got "${text}"`);
}
