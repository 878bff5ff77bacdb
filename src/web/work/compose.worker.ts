/** @file The worker that runs the code of Compose: TypeScript whose types are removed, with Moonlet's builder to import. */
import * as architectures from '../../../zoo/architectures/index.ts';
import type { Graph } from '../../graph/index.ts';
import * as moonlet from '../../index.ts';
import { type Problem, problemOf, toScript } from './code.ts';
import { serve } from './rpc.ts';

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

const methods = {
  evaluate(code: string): Evaluated {
    try {
      const exported: Record<string, unknown> = {};
      new Function('require', 'exports', toScript(code))(required, exported);
      return { graph: graphOf(exported) };
    } catch (e) {
      return { problem: problemOf(e) };
    }
  },
};
export type ComposeMethods = typeof methods;
serve(methods);
