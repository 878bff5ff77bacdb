/** @file All rules, and their registration as the kernels of the tracing backend. */

import * as tf from '@tensorflow/tfjs-core';
import { MoonletError } from '../../errors.ts';
import type { Attrs } from '../../kernels/index.ts';
import { backendName, TraceBackend } from '../backend.ts';
import type { Call, Rules } from '../rule.ts';
import { elementwise } from './elementwise.ts';
import { linear } from './linear.ts';
import { reductions } from './reductions.ts';
import { shapes } from './shapes.ts';
import { windows } from './windows.ts';

const rules: Rules = { ...elementwise, ...reductions, ...shapes, ...linear, ...windows };

/** Registers the rules as kernels, the first time that something is traced. */
export function registerRules(): void {
  for (const [kernelName, rule] of Object.entries(rules)) {
    if (tf.getKernel(kernelName, backendName)) continue;
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: ({ inputs, attrs, backend }) => {
        if (!(backend instanceof TraceBackend)) throw new Error('internal: a rule outside of a trace');
        const tracer = backend;
        tracer.trace.source = kernelName;
        const values = rule(callOf(tracer, kernelName, inputs, { ...attrs }));
        return 'shape' in values ? tracer.infoOf(values) : values.map((value) => tracer.infoOf(value));
      },
    });
  }
}

function callOf(
  tracer: TraceBackend,
  kernelName: string,
  inputs: Readonly<Record<string, tf.TensorInfo | null | undefined>>,
  attrs: Attrs,
): Call {
  const maybe: Call['maybe'] = (name) => {
    const info = inputs[name];
    return info ? tracer.graphValue(info) : undefined;
  };
  return {
    trace: tracer.trace,
    maybe,
    in: (name) => {
      const value = maybe(name);
      if (!value)
        throw new MoonletError(`jit: tf kernel ${kernelName} came without its input "${name}"; pass it`);
      return value;
    },
    get all() {
      return Object.values(inputs).flatMap((info) => (info ? [tracer.graphValue(info)] : []));
    },
    attrs,
  };
}
