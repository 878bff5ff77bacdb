/** @file Where the boxes of a graph stand, and the ways of its edges: dagre's layout. */
import dagre from '@dagrejs/dagre';
import type { Boxes } from './boxes.ts';

export interface Placed {
  readonly id: string;
  readonly x: number;
  readonly y: number;
}
export interface Rect {
  readonly path: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}
export interface Placement {
  readonly places: ReadonlyMap<string, Placed>;
  readonly frames: readonly Rect[];
  readonly curves: readonly { readonly key: string; readonly d: string }[];
  readonly width: number;
  readonly height: number;
}

export const boxWidth = 172;
export const boxHeight = 62;
const margin = 18;

interface Point {
  readonly x: number;
  readonly y: number;
}

/** @param direction from the left to the right, or from the top down. */
export function placed({ boxes, frames, edges }: Boxes, direction: 'LR' | 'TB'): Placement {
  const layout = new dagre.graphlib.Graph();
  layout.setGraph({ rankdir: direction, nodesep: 26, ranksep: 38, marginx: margin, marginy: margin + 10 });
  layout.setDefaultEdgeLabel(() => ({}));
  for (const { id } of boxes) layout.setNode(id, { width: boxWidth, height: boxHeight });
  for (const [from, to] of edges) layout.setEdge(from, to);
  dagre.layout(layout);
  const places = new Map(
    boxes.map(({ id }) => {
      const { x, y }: Point = layout.node(id);
      return [id, { id, x, y }] as const;
    }),
  );
  const curves = edges.map(([from, to]) => {
    const { points }: { readonly points: readonly Point[] } = layout.edge(from, to);
    return { key: `${from} ${to}`, d: curve(points) };
  });
  const rects = frames.map(({ path, boxes: ids }) => rectOf(path, ids, places, depth(path, frames)));
  const right = Math.max(
    0,
    ...[...places.values()].map(({ x }) => x + boxWidth / 2),
    ...rects.map((r) => r.x + r.width),
  );
  const bottom = Math.max(
    0,
    ...[...places.values()].map(({ y }) => y + boxHeight / 2),
    ...rects.map((r) => r.y + r.height),
  );
  return { places, frames: rects, curves, width: right + margin, height: bottom + margin };
}

/** How many frames are inside of a frame, one in another: outer frames are larger. */
const depth = (path: string, frames: Boxes['frames']): number =>
  Math.max(
    0,
    ...frames
      .filter((f) => f.path.startsWith(`${path}/`))
      .map((f) => f.path.split('/').length - path.split('/').length),
  );

function rectOf(
  path: string,
  ids: readonly string[],
  places: ReadonlyMap<string, Placed>,
  inside: number,
): Rect {
  const inner = ids.flatMap((id) => places.get(id) ?? []);
  const pad = 9 + 5 * inside;
  const [left, top] = [Math.min(...inner.map((p) => p.x)), Math.min(...inner.map((p) => p.y))];
  const [right, bottom] = [Math.max(...inner.map((p) => p.x)), Math.max(...inner.map((p) => p.y))];
  return {
    path,
    x: left - boxWidth / 2 - pad,
    y: top - boxHeight / 2 - pad - 12 * (inside + 1),
    width: right - left + boxWidth + 2 * pad,
    height: bottom - top + boxHeight + 2 * pad + 12 * (inside + 1),
  };
}

/** A smooth line through some points: quadratic curves that meet in the middles. */
function curve(points: readonly Point[]): string {
  const [first, ...rest] = points;
  const end = rest.at(-1);
  if (!first || !end) return '';
  const parts = [`M${round(first.x)} ${round(first.y)}`];
  rest.forEach((point, i) => {
    const next = rest[i + 1];
    if (!next) return;
    const to = i + 2 === rest.length ? next : { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 };
    parts.push(`Q${round(point.x)} ${round(point.y)} ${round(to.x)} ${round(to.y)}`);
  });
  if (rest.length === 1) parts.push(`L${round(end.x)} ${round(end.y)}`);
  return parts.join('');
}
const round = (value: number): number => Math.round(value * 10) / 10;
