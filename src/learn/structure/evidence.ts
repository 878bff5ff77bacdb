/** @file Measurements on data that pruning needs: gradients of the loss, and mean squares of values. */

import { first, get } from '../../access.ts';
import { compile, type EngineOptions } from '../../engine/index.ts';
import { channelsOf, type Graph } from '../../graph/index.ts';
import type { Net, WeightKey } from '../../weights/index.ts';
import { withBeside } from '../loss/bind.ts';
import type { LossMaker } from '../loss/loss.ts';
import { checkCount } from '../options.ts';
import type { Task } from '../task/task.ts';
import { isWeightKey } from '../tensors.ts';
import type { Optimizer } from '../train/optimizer.ts';
import { firstState } from '../train/state.ts';
import { trainer } from '../train/trainer.ts';

/** Leaves the weights alone and keeps their gradients. */
const keepGradients: Optimizer = {
  name: 'gradients',
  slots: { gradient: 'gradient' },
  numbers: () => ({}),
  update: (weight, gradient) => ({ weight, slots: { gradient } }),
};

export interface GradientOptions extends EngineOptions {
  /** How many batches; 8 by default. */
  readonly batches?: number;
  /** Examples in a batch; 64 by default. */
  readonly batch?: number;
  readonly seed?: number;
  readonly losses?: readonly LossMaker[];
}

/** Computes gradients for the weights of any net of one graph. */
export interface GradientRunner {
  /** The gradients of each of the task's first batches. */
  of(net: Net): Promise<readonly ReadonlyMap<WeightKey, Float32Array>[]>;
  /** Their means. */
  meanOf(net: Net): Promise<ReadonlyMap<WeightKey, Float32Array>>;
  release(): Promise<void>;
}

/** @throws MoonletError when net, data and losses do not fit together; UsageError for options out of range. */
export async function gradientRunner(
  graph: Graph,
  task: Task,
  { batches = 8, ...o }: GradientOptions = {},
): Promise<GradientRunner> {
  checkCount('batches', batches);
  const run = await trainer(graph, task, { ...o, steps: batches, rate: 0, optimizer: keepGradients });
  const of = async (net: Net): Promise<readonly ReadonlyMap<WeightKey, Float32Array>[]> => {
    const found: Map<WeightKey, Float32Array>[] = [];
    const whole = withBeside(net, run.graph, o.seed ?? 0);
    const state = firstState(whole, run.specs, undefined, run.variables);
    for (let at = 0; at < batches; at++) {
      const { state: after } = await run.run(state, at);
      const gradientByKey = new Map<WeightKey, Float32Array>();
      for (const [name, value] of Object.entries(after)) {
        const key = name.startsWith('gradient/') ? name.slice('gradient/'.length) : '';
        if (isWeightKey(key)) gradientByKey.set(key, Float32Array.from(value));
      }
      found.push(gradientByKey);
    }
    return found;
  };
  return { of, meanOf: async (net) => meanGradients(await of(net)), release: () => run.release() };
}

/** The mean gradient of each weight over the batches. */
export function meanGradients(
  found: readonly ReadonlyMap<WeightKey, Float32Array>[],
): ReadonlyMap<WeightKey, Float32Array> {
  const mean = new Map<WeightKey, Float32Array>();
  for (const batch of found)
    for (const [key, gradient] of batch) {
      const sum = mean.get(key) ?? new Float32Array(gradient.length);
      mean.set(
        key,
        sum.map((v, i) => v + gradient[i]! / found.length),
      );
    }
  return mean;
}

/**
 * Gradients of the loss by weight, in training mode, one map for each of the task's first batches.
 * @throws MoonletError when net, data and losses do not fit together; UsageError for options out of range.
 */
export async function gradients(
  net: Net,
  task: Task,
  o: GradientOptions = {},
): Promise<readonly ReadonlyMap<WeightKey, Float32Array>[]> {
  const runner = await gradientRunner(net.graph, task, o);
  try {
    return await runner.of(net);
  } finally {
    await runner.release();
  }
}

/** The mean square of each channel of every value that a layer reads, in inference. `x` holds whole examples, flat. */
export async function energies(
  net: Net,
  x: Float32Array,
  o: EngineOptions = {},
): Promise<ReadonlyMap<string, Float64Array>> {
  const read = net.graph.nodes.filter((n) => n.op.kind === 'conv' || n.op.kind === 'dense');
  const values = [...new Set(read.map((n) => first(n.inputs)))];
  const compiled = await compile(net, { ...o, values });
  try {
    const found = await compiled.runMany(x);
    return new Map(
      values.map((id) => {
        const data = get(found, id);
        const c = channelsOf(get(compiled.shapes, id));
        const squares = new Float64Array(c);
        data.forEach((v, i) => {
          squares[i % c] = squares[i % c]! + v * v;
        });
        return [id, squares.map((s) => (s * c) / data.length)];
      }),
    );
  } finally {
    await compiled.release();
  }
}
