/** @file The engine that is used if the caller names none. */
import { MoonletError } from '../errors.ts';
import { loadRuntime } from '../jit/runtime.ts';
import type { EngineOptions } from './engine.ts';
import { checkEngine, type EngineName } from './names.ts';

/** The code of the warning, for those who want to catch it. */
export const slowEngineCode = 'MOONLET_SLOW_ENGINE';

let warned = false;

/**
 * The engine that the options name; else onnxruntime, or WebAssembly where onnxruntime-node does not load. The latter is said once,
 * by a warning of the process.
 * @throws UsageError for an engine that there is not, or threads that cannot be.
 */
export async function inferenceEngine(
  { engine, runtime, threads }: EngineOptions,
  load: () => Promise<unknown> = loadRuntime,
  warn: (text: string) => void = warning,
): Promise<EngineName> {
  checkEngine({ engine, threads });
  if (engine) return engine;
  if (runtime) return 'onnxruntime';
  try {
    await load();
    return 'onnxruntime';
  } catch (e) {
    if (!(e instanceof MoonletError)) throw e;
    if (!warned) warn(`${e.message}; until then nets run on WebAssembly, which is slower`);
    warned = true;
    return 'wasm';
  }
}

function warning(text: string): void {
  const { process } = globalThis;
  if (process?.emitWarning) process.emitWarning(text, { code: slowEngineCode });
}
