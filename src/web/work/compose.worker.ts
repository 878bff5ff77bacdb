/** @file The worker that runs the code of Compose: TypeScript whose types are removed, with Moonlet's builder to import. */
import { transform } from 'sucrase';
import * as architectures from '../../../zoo/architectures/index.ts';
import * as moonlet from '../../index.ts';
import type { Graph } from '../../graph/index.ts';
import { serve } from './rpc.ts';

export interface Problem {
  readonly message: string;
  /** From 1, where it is known. */
  readonly line?: number;
}
export type Evaluated = { readonly graph: Graph } | { readonly problem: Problem };

const modules: Readonly<Record<string, unknown>> = { moonlet, 'moonlet/architectures': architectures };

function required(name: string): unknown {
  const found = Object.hasOwn(modules, name) ? modules[name] : undefined;
  if (found) return found;
  throw new Error(`"${name}" cannot be imported here; there are ${Object.keys(modules).join(' and ')}`);
}

const isGraph = (value: unknown): value is Graph =>
  typeof value === 'object' &&
  value !== null &&
  'nodes' in value &&
  'outputs' in value &&
  Array.isArray(value.nodes);

/** The first graph among what a module exports; functions are called without arguments. */
function graphOf(exported: Readonly<Record<string, unknown>>): Graph {
  const values = ['default', ...Object.keys(exported).filter((key) => key !== 'default')].map(
    (key) => exported[key],
  );
  for (const value of values) {
    const made: unknown = typeof value === 'function' ? value() : value;
    if (isGraph(made)) return moonlet.check(made);
  }
  throw new Error('the code exports no graph; write: export const net = graph(...)');
}

/** Lines that `new Function` puts before the code. */
const header = 2;

function problemOf(e: unknown): Problem {
  const message = e instanceof Error ? e.message : String(e);
  const [, syntaxLine] = /\((\d+):\d+\)$/.exec(message) ?? [];
  const [, runLine] = (e instanceof Error && /<anonymous>:(\d+):\d+/.exec(e.stack ?? '')) || [];
  const line =
    syntaxLine === undefined
      ? runLine === undefined
        ? undefined
        : Number(runLine) - header
      : Number(syntaxLine);
  const said = message.replace(/^Error transforming[^:]*: /, '').replace(/ \(\d+:\d+\)$/, '');
  return { message: said, ...(line === undefined || line < 1 ? {} : { line }) };
}

const methods = {
  evaluate(code: string): Evaluated {
    try {
      const { code: plain } = transform(code, {
        transforms: ['typescript', 'imports'],
        disableESTransforms: true,
      });
      const exported: Record<string, unknown> = {};
      new Function('require', 'exports', plain)(required, exported);
      return { graph: graphOf(exported) };
    } catch (e) {
      return { problem: problemOf(e) };
    }
  },
};
export type ComposeMethods = typeof methods;
serve(methods);
