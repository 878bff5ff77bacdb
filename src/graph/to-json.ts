/** @file Graphs as JSON, versioned, one node a line. */
import type { Graph } from './op.ts';

export const format = 'moonlet-graph';
export const version = 1;

/** The text that `fromJson` reads, one node a line. */
export function toJson({ name, nodes, outputs, integers }: Graph): string {
  const head = JSON.stringify({ format, version, name, outputs, integers }).slice(1, -1);
  return `{${head},"nodes":[\n${nodes.map((n) => JSON.stringify(n)).join(',\n')}\n]}\n`;
}
