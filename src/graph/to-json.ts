/** @file Writes graphs as versioned JSON, one node per line. */
import type { Graph } from './op.ts';

export const format = 'moonlet-graph';
export const version = 1;

/**
 * A graph as JSON, one node a line. `fromJson` reads it back to the same graph.
 *
 * @example
 * import { fromJson, toJson } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * fromJson(toJson(wrn())).nodes.length; // 50
 */
export function toJson({ name, nodes, outputs, integers }: Graph): string {
  const head = JSON.stringify({ format, version, name, outputs, integers }).slice(1, -1);
  return `{${head},"nodes":[\n${nodes.map((n) => JSON.stringify(n)).join(',\n')}\n]}\n`;
}
