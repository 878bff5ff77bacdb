/** @file Arrays of examples: joined, and cut into batches that fit into memory. */
import { get } from '../access.ts';
import { type Graph, inputShape, shapes, sizeOf } from '../graph/index.ts';

/** The arrays as one, in order. */
export function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((n, part) => n + part.length, 0));
  let filled = 0;
  for (const part of parts) {
    all.set(part, filled);
    filled += part.length;
  }
  return all;
}

/** The most values of one batch that are kept at a time: 128 MiB of floats. */
const mostValues = 2 ** 25;

/**
 * Batches, [n, ...input] flat, cut into parts of which the values of some nodes fit into memory: those of a net of photographs
 * take 20 MB and more an example.
 */
export function inParts(
  graph: Graph,
  ids: readonly string[],
  batches: readonly Float32Array[],
): readonly Float32Array[] {
  const shapeById = shapes(graph);
  const kept = ids.reduce((n, id) => n + sizeOf(get(shapeById, id)), 0);
  const length = sizeOf(inputShape(graph)) * Math.max(1, Math.floor(mostValues / Math.max(1, kept)));
  return batches.flatMap((x) =>
    Array.from({ length: Math.ceil(x.length / length) }, (_, i) => x.subarray(i * length, (i + 1) * length)),
  );
}
