/** @file Weights and inputs by the formula of scripts/reference/fill.py, bit for bit. */
import type { Graph, Slot } from '../../src/graph/index.ts';
import {
  entries,
  float,
  materialize,
  type Net,
  type Weight,
  type WeightKey,
} from '../../src/weights/index.ts';
import { sizeOf } from './nets.ts';

/** u(k, i) in [0, 1): a hash of the tensor's number and the flat index. */
export function uniform(k: number, i: number): number {
  let h = (Math.imul(k, 0x9e3779b1) + Math.imul(i, 0x85ebca77)) | 0;
  h ^= h >>> 15;
  h = Math.imul(h, 0x2c1b3c6d);
  h ^= h >>> 12;
  h = Math.imul(h, 0x297a2d39);
  h ^= h >>> 15;
  return (h >>> 0) / 2 ** 32;
}

/** What a slot makes of u; `reach` bounds a kernel. */
const values: Readonly<Record<Exclude<Slot, 'alpha'>, (u: number, reach: number) => number>> = {
  kernel: (u, reach) => reach * (2 * u - 1),
  bias: (u) => 0.2 * (2 * u - 1),
  gamma: (u) => 0.5 + u,
  beta: (u) => 0.4 * (2 * u - 1),
  mean: (u) => 0.2 * (2 * u - 1),
  variance: (u) => 0.5 + u,
};

/** The net, with the count of its tensors and the sum by which both sides know that they filled the same. */
export function referenceNet(graph: Graph): { net: Net; tensors: number; check: number } {
  const weights = new Map<WeightKey, Weight>();
  let check = 0;
  const needed = entries(graph);
  needed.forEach(({ key, slot, shape }, k) => {
    if (slot === 'alpha') throw new Error(`${key}: the formula knows no alpha`);
    const size = sizeOf(shape);
    const reach = Math.sqrt(3 / sizeOf(shape.slice(0, -1)));
    const data = new Float32Array(size);
    const value = values[slot];
    for (let i = 0; i < size; i++) data[i] = value(uniform(k, i), reach);
    weights.set(key, float(shape, data));
    check = (check + (k + 1) * size) % 2 ** 31;
  });
  return { net: { graph, weights }, tensors: needed.length, check };
}

/** The net of `referenceNet` with the scales of its norms times a gain. */
export function referenceNetTimes(graph: Graph, gain: number): Net {
  const { net } = referenceNet(graph);
  const times = (weight: Weight): Weight =>
    float(
      weight.shape,
      materialize(weight).map((v) => gain * v),
    );
  return {
    graph,
    weights: new Map([...net.weights].map(([key, w]) => [key, key.endsWith(':gamma') ? times(w) : w])),
  };
}

/** Images, batch first and channels last. */
export const referenceImages = (length: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => 2 * uniform(2 ** 31, i) - 1);
