/** @file The worker that runs one sample: its code as a module that may wait, with a console that tells the page. */
import { importsOf } from '../docs/provided.ts';
import { type Problem, problemOf, toScript } from './code.ts';
import { inspected, logged } from './inspect.ts';
import { serve, tell } from './rpc.ts';
import { loaded, running } from './sample-modules.ts';
import { useThreads } from './threads.ts';

export type Line = { readonly line: string; readonly isError: boolean };
export interface Ran {
  readonly ms: number;
  readonly problem?: Problem;
}

/** A line that is a value, with what it is behind it: `cost(net).params; // 126`. */
const value = /^(?!console\.|const |let |import |export |for |if |\/\/|[}\])])(\S.*);(\s*\/\/ .*)$/gm;

const AsyncFunction: FunctionConstructor = Object.getPrototypeOf(async () => {}).constructor;

const said =
  (isError: boolean) =>
  (...values: unknown[]) =>
    tell({ line: logged(values), isError } satisfies Line);
const console_ = {
  ...{ log: said(false), info: said(false), debug: said(false), table: said(false) },
  ...{ warn: said(true), error: said(true) },
};

async function modulesOf(code: string): Promise<ReadonlyMap<string, unknown>> {
  const names = [...new Set(importsOf(code).map(({ from }) => from))];
  if (names.some((name) => running.includes(name))) await useThreads(1);
  return new Map(await Promise.all(names.map(async (name) => [name, await loaded(name, code)] as const)));
}

const methods = {
  /** Loads what the code imports, then runs it; the time is that of the run. */
  async run(code: string): Promise<Ran> {
    let start = performance.now();
    try {
      const shown = code.replace(value, '__show(($1));$2');
      const script = toScript(shown);
      const modules = await modulesOf(code);
      const body = new AsyncFunction('require', 'exports', 'console', '__show', script);
      start = performance.now();
      await body(
        (name: string) => modules.get(name),
        {},
        console_,
        (v: unknown) => tell({ line: inspected(v), isError: false } satisfies Line),
      );
      return { ms: performance.now() - start };
    } catch (e) {
      return { ms: performance.now() - start, problem: problemOf(e) };
    }
  },
};
export type SampleMethods = typeof methods;
serve(methods);
