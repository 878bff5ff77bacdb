/**
 * @file The names of the engines, in a separate file, so that the command line can check its options without loading
 * tf.
 */
import { suggestion, UsageError } from '../errors.ts';

/**
 * `onnxruntime` traces a function once and runs it natively. The others run it eagerly, op by op: `wasm` and `cpu`
 * from npm alone, `tfjs-node` where that package is installed.
 */
export const engineNames = ['onnxruntime', 'tfjs-node', 'wasm', 'cpu'] as const;
export type EngineName = (typeof engineNames)[number];

/** The engine of that name. @throws UsageError for an unknown name, with the known ones. */
export function engineNamed(name: string): EngineName {
  const found = engineNames.find((n) => n === name);
  if (found) return found;
  throw new UsageError(
    `no engine "${name}".${suggestion(name, engineNames)} Known: ${engineNames.join(', ')}`,
  );
}

/**
 * Checks the options that choose an engine.
 * @throws UsageError for an engine that there is not, and for threads that are no whole number from 1 to 1024.
 */
export function checkEngine({
  engine,
  threads,
}: {
  readonly engine?: unknown;
  readonly threads?: unknown;
}): void {
  if (engine !== undefined && typeof engine !== 'string')
    throw new UsageError(`engine must be a name, one of ${engineNames.join(', ')}, got ${typeof engine}`);
  if (engine !== undefined) engineNamed(engine);
  if (threads !== undefined && !areThreads(threads))
    throw new UsageError(`threads must be a whole number from 1 to 1024, got ${String(threads)}`);
}
const areThreads = (value: unknown): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 1024;

/** The option `engine` of a command line; undefined lets `compile` choose. @throws UsageError for an unknown name. */
export const engineFlag = (name: string | undefined): { readonly engine?: EngineName } =>
  name === undefined ? {} : { engine: engineNamed(name) };

/** The help of that option. */
export const engineHelp = `the engine: ${engineNames.join(', ')} (default: onnxruntime, or wasm if it is not installed)`;

/** Parses the option `threads` of a command line; undefined gives the default. @throws UsageError unless it is a whole number from 1 to 1024. */
export function threadsOf(text: string | undefined): { readonly threads?: number } {
  if (text === undefined) return {};
  const threads = Number(text);
  if (areThreads(threads)) return { threads };
  throw new UsageError(`--threads must be a whole number from 1 to 1024, got "${text}"`);
}
