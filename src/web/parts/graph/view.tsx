/** @file A graph that people can look at: zoom, drag, open and close parts, and see shapes and costs by hovering or by keys. */
import { select } from 'd3-selection';
import { type ZoomBehavior, zoom, zoomIdentity } from 'd3-zoom';
import { useEffect, useId, useMemo, useRef, useState } from 'preact/hooks';
import type { Graph } from '../../../index.ts';
import { bytes, count, percent, shapeText, short } from '../format.ts';
import { useSize } from '../state.ts';
import { type Box, boxesOf, type Outline, outlineOf } from './boxes.ts';
import { boxHeight, boxWidth, type Placed, type Placement, placed } from './place.ts';
import './graph.css';

type Measure = 'params' | 'macs';
interface Hovered {
  readonly box: Box;
  readonly x: number;
  readonly y: number;
}

/** @param tallest the largest height of the picture, in pixels; small graphs take less. */
export function GraphView({ graph, tallest = 640 }: { readonly graph: Graph; readonly tallest?: number }) {
  const outline = useMemo(() => outlineOf(graph), [graph]);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [measure, setMeasure] = useState<Measure>('macs');
  const [hovered, setHovered] = useState<Hovered | undefined>();
  const tipId = useId();
  const [sizeRef, width] = useSize<HTMLDivElement>();
  const direction = width > 900 ? 'LR' : 'TB';
  const boxes = useMemo(() => boxesOf(outline, open), [outline, open]);
  const layout = useMemo(() => placed(boxes, direction), [boxes, direction]);
  const most = direction === 'LR' ? Math.min(460, tallest) : tallest;
  const fitting = scaleFor(layout, width, most);
  const height = Math.round(Math.min(most, Math.max(150, layout.height * fitting + 24)));
  const view = useZoom(layout, width, height);
  const toggle = (path: string): void => {
    setHovered(undefined);
    setOpen((before) => {
      const next = new Set([...before].filter((p) => p !== path && !p.startsWith(`${path}/`)));
      return before.has(path) ? next : next.add(path);
    });
  };
  const show = (box: Box, place: Placed): void => {
    const { x, y } = view.onScreen(place.x, place.y + boxHeight / 2);
    setHovered({ box, x: Math.max(8, Math.min(width - 250, x - 110)), y: Math.min(height - 90, y + 6) });
  };
  return (
    <div class="graph" ref={sizeRef} onPointerLeave={() => setHovered(undefined)}>
      <GraphTools {...{ measure, setMeasure, view, outline, open, setOpen }} />
      <svg ref={view.ref} class="picture" height={height} role="group" aria-label={`Graph of ${graph.name}`}>
        <defs>
          <marker
            id={tipId}
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerWidth="7"
            markerHeight="7"
            orient="auto"
          >
            <path d="M0 0L8 4L0 8z" class="arrow" />
          </marker>
        </defs>
        <g transform={view.transform}>
          {layout.frames.map(({ path, x, y, width: w, height: h }) => (
            <g key={path}>
              <rect class="frame" {...{ x, y, width: w, height: h }} rx="10" />
              <Key isOpen onPress={() => toggle(path)} className="closer">
                <rect
                  x={x}
                  y={y}
                  width={Math.min(w, 14 + 7 * path.length + 16)}
                  height="18"
                  rx="9"
                  class="hit"
                />
                <text x={x + 10} y={y + 13} class="quiet">
                  {path} −
                </text>
              </Key>
            </g>
          ))}
          {layout.curves.map(({ key, d }) => (
            <path key={key} class="edge" d={d} marker-end={`url(#${tipId})`} />
          ))}
          {boxes.boxes.map((box) => {
            const place = layout.places.get(box.id);
            return place ? (
              <BoxView key={box.id} {...{ box, place, outline, measure, show, toggle }} />
            ) : null;
          })}
        </g>
      </svg>
      {hovered ? <Tip {...hovered} outline={outline} /> : null}
    </div>
  );
}

/** The transform of the picture, and what changes it. */
interface Zoom {
  readonly ref: (svg: SVGSVGElement | null) => void;
  readonly transform: string;
  onScreen(x: number, y: number): { readonly x: number; readonly y: number };
  by(factor: number): void;
  fit(): void;
}

/** The scale at which a picture fits; tall or wide ones stay legible, and are dragged. */
const scaleFor = (
  of: { readonly width: number; readonly height: number },
  width: number,
  height: number,
): number => Math.min(1.15, Math.max(0.6, Math.min(width / of.width, height / of.height)));

function useZoom({ width, height }: Placement, screenWidth: number, screenHeight: number): Zoom {
  const [at, setAt] = useState(zoomIdentity);
  const element = useRef<SVGSVGElement | null>(null);
  const behavior = useRef<ZoomBehavior<SVGSVGElement, unknown> | undefined>(undefined);
  const fit = (): void => {
    const svg = element.current;
    if (!svg || !behavior.current || !screenWidth) return;
    const scale = scaleFor({ width, height }, screenWidth, screenHeight);
    const [x, y] = [(screenWidth - scale * width) / 2, (screenHeight - scale * height) / 2];
    // a picture that does not fit begins at its beginning
    behavior.current.transform(
      select(svg),
      zoomIdentity.translate(Math.max(x, 0), Math.max(y, 0)).scale(scale),
    );
  };
  const [ref] = useState(() => (svg: SVGSVGElement | null): void => {
    element.current = svg;
    if (!svg) return;
    behavior.current = zoom<SVGSVGElement, unknown>()
      .scaleExtent([0.1, 4])
      .filter((event: Event) => {
        if (event instanceof WheelEvent) return event.ctrlKey || event.metaKey;
        return !('touches' in event) || (event as TouchEvent).touches.length > 1;
      })
      .on('zoom', ({ transform }) => setAt(transform));
    select(svg).call(behavior.current).on('dblclick.zoom', null);
  });
  useEffect(fit, [width, height, screenWidth, screenHeight]);
  return {
    ref,
    fit,
    transform: at.toString(),
    onScreen: (x, y) => ({ x: at.applyX(x), y: at.applyY(y) }),
    by: (factor) => {
      if (element.current) behavior.current?.scaleBy(select(element.current), factor);
    },
  };
}

interface ToolsProps {
  readonly measure: Measure;
  setMeasure(measure: Measure): void;
  readonly view: Zoom;
  readonly outline: Outline;
  readonly open: ReadonlySet<string>;
  setOpen(open: ReadonlySet<string>): void;
}

function GraphTools({ measure, setMeasure, view, outline, open, setOpen }: ToolsProps) {
  const depthOf = (path: string): number => path.split('/').length;
  const deepest = Math.max(0, ...outline.parts.map(depthOf));
  const level = Math.max(0, ...[...open].map(depthOf));
  const toLevel = (wanted: number): void =>
    setOpen(new Set(outline.parts.filter((path) => depthOf(path) <= wanted)));
  return (
    <div class="graph-tools">
      <div class="segmented" role="group" aria-label="Shade by">
        {(['macs', 'params'] as const).map((m) => (
          <button key={m} type="button" aria-pressed={m === measure} onClick={() => setMeasure(m)}>
            {m === 'macs' ? 'multiply-adds' : 'parameters'}
          </button>
        ))}
      </div>
      <div class="row">
        <button type="button" class="plain" disabled={level === 0} onClick={() => toLevel(level - 1)}>
          fold
        </button>
        <button type="button" class="plain" disabled={level >= deepest} onClick={() => toLevel(level + 1)}>
          unfold
        </button>
        <button type="button" class="icon" aria-label="Zoom out" onClick={() => view.by(1 / 1.35)}>
          −
        </button>
        <button type="button" class="icon" aria-label="Zoom in" onClick={() => view.by(1.35)}>
          +
        </button>
        <button type="button" class="plain" onClick={view.fit}>
          fit
        </button>
      </div>
    </div>
  );
}

interface KeyProps {
  /** What is not seen in the picture. */
  readonly label?: string;
  /** Of a part that can be opened and closed. */
  readonly isOpen?: boolean;
  readonly className: string;
  readonly children: preact.ComponentChildren;
  onPress?(): void;
  onShow?(): void;
}
/** A part of the picture that can be reached and pressed by keys. */
function Key({ label, isOpen, className, children, onPress, onShow }: KeyProps) {
  return (
    <g
      class={className}
      tabindex={0}
      role="button"
      aria-description={label}
      aria-expanded={isOpen}
      onClick={onPress}
      onFocus={onShow}
      onPointerEnter={onShow}
      onKeyDown={(event: KeyboardEvent) => {
        if (event.key !== 'Enter' && event.key !== ' ') return;
        event.preventDefault();
        onPress?.();
      }}
    >
      {children}
    </g>
  );
}

interface BoxProps {
  readonly box: Box;
  readonly place: Placed;
  readonly outline: Outline;
  readonly measure: Measure;
  show(box: Box, place: Placed): void;
  toggle(path: string): void;
}

function BoxView({ box, place, outline, measure, show, toggle }: BoxProps) {
  const share = box[measure] / Math.max(1, outline.cost[measure]);
  const { path } = box;
  const label = `${path ?? box.id}: ${shapeText(box.shape)}, ${count(box.params)} parameters, ${count(box.macs)} multiply-adds`;
  const [left, top] = [place.x - boxWidth / 2, place.y - boxHeight / 2];
  const lines = [
    cut(path === undefined ? box.label : box.label, 23),
    cut(box.summary || box.id.split('/').slice(0, -1).join('/'), 27),
  ];
  return (
    <Key
      label={label}
      {...(path === undefined ? {} : { isOpen: false })}
      className={path === undefined ? 'box' : 'box part'}
      onPress={() => path !== undefined && toggle(path)}
      onShow={() => show(box, place)}
    >
      <rect x={left} y={top} width={boxWidth} height={boxHeight} rx="9" style={{ '--share': share }} />
      <text x={left + 10} y={top + 18} class="name">
        {lines[0]}
      </text>
      {path === undefined ? null : (
        <text x={left + boxWidth - 10} y={top + 18} text-anchor="end" class="quiet">
          +
        </text>
      )}
      <text x={left + 10} y={top + 34} class="quiet fine">
        {lines[1]}
      </text>
      <text x={left + 10} y={top + 52} class="fine">
        {box.shape.join('×')}
      </text>
      <text x={left + boxWidth - 10} y={top + 52} text-anchor="end" class="fine">
        {box[measure] ? short(box[measure]) : ''}
      </text>
    </Key>
  );
}

const cut = (text: string, most: number): string =>
  text.length > most ? `${text.slice(0, most - 1)}…` : text;

function Tip({ box, x, y, outline }: Hovered & { readonly outline: Outline }) {
  const { cost } = outline;
  const peak = Math.max(
    ...box.nodes.map((node) => cost.layers.find((layer) => layer.id === node.id)?.aliveBytes ?? 0),
  );
  return (
    <div class="tip" style={{ left: `${x}px`, top: `${y}px` }}>
      <b>{box.path ?? box.id}</b>
      <br />
      {box.path === undefined ? box.label : box.summary}
      <br />
      output {shapeText(box.shape)}
      <br />
      {count(box.params)} parameters ({percent(box.params / Math.max(1, cost.params), 1)})
      <br />
      {count(box.macs)} multiply-adds ({percent(box.macs / Math.max(1, cost.macs), 1)})
      <br />
      up to {bytes(peak)} of values alive
    </div>
  );
}
