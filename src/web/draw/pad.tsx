/** @file The pad: drawn by pointer or by keys, or filled with a test image. */
import type { RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

export const padSize = 280;
const pen = 21;

interface Props {
  readonly canvas: RefObject<HTMLCanvasElement | null>;
  /** Whether nothing is drawn yet. */
  readonly isEmpty: boolean;
  onDraw(): void;
}
interface Point {
  readonly x: number;
  readonly y: number;
}

export function Pad({ canvas, isEmpty, onDraw }: Props) {
  const last = useRef<Point | undefined>(undefined);
  const [cursor, setCursor] = useState<Point>({ x: padSize / 2, y: padSize / 2 });
  const [isPenDown, setPenDown] = useState(false);
  useEffect(() => {
    if (canvas.current) clearPad(canvas.current);
  }, []);
  const at = (event: PointerEvent): Point => {
    const box = canvas.current?.getBoundingClientRect();
    if (!box) return { x: 0, y: 0 };
    return {
      x: ((event.clientX - box.x) / box.width) * padSize,
      y: ((event.clientY - box.y) / box.height) * padSize,
    };
  };
  const line = (from: Point, to: Point): void => {
    const context = contextOf(canvas.current);
    if (!context) return;
    Object.assign(context, { lineWidth: pen, lineCap: 'round', lineJoin: 'round', strokeStyle: '#fff' });
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(to.x + 0.01, to.y);
    context.stroke();
    onDraw();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = steps[event.key];
    if (event.key === ' ') {
      event.preventDefault();
      setPenDown(!isPenDown);
      if (!isPenDown) line(cursor, cursor);
    } else if (step) {
      event.preventDefault();
      const [x, y] = [clamp(cursor.x + step[0] * 14), clamp(cursor.y + step[1] * 14)];
      if (isPenDown) line(cursor, { x, y });
      setCursor({ x, y });
    }
  };
  return (
    <div class="pad">
      <canvas
        ref={canvas}
        width={padSize}
        height={padSize}
        tabIndex={0}
        role="application"
        aria-label="Drawing pad. Arrow keys move the pen, the space bar lowers and lifts it."
        aria-describedby="pad-help"
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          last.current = at(event);
          line(last.current, last.current);
        }}
        onPointerMove={(event) => {
          if (!last.current) return;
          const next = at(event);
          line(last.current, next);
          last.current = next;
        }}
        onPointerUp={() => {
          last.current = undefined;
        }}
        onPointerCancel={() => {
          last.current = undefined;
        }}
        onKeyDown={onKeyDown}
      />
      {isEmpty ? (
        <span class="pad-hint" aria-hidden="true">
          draw here
        </span>
      ) : null}
      <i
        class={`pen${isPenDown ? ' down' : ''}`}
        style={{ left: `${(100 * cursor.x) / padSize}%`, top: `${(100 * cursor.y) / padSize}%` }}
      />
    </div>
  );
}
const steps: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};
const clamp = (value: number): number => Math.min(padSize - 14, Math.max(14, value));

export const contextOf = (canvas: HTMLCanvasElement | null | undefined): CanvasRenderingContext2D | null =>
  canvas?.getContext('2d', { willReadFrequently: true }) ?? null;

export function clearPad(canvas: HTMLCanvasElement): void {
  const context = contextOf(canvas);
  if (!context) return;
  context.fillStyle = '#000';
  context.fillRect(0, 0, canvas.width, canvas.height);
}

/** Shows grey bytes, [size, size], on a canvas of any size. */
export function showGrey(canvas: HTMLCanvasElement, pixels: ArrayLike<number>, size: number): void {
  const context = contextOf(canvas);
  if (!context) return;
  const image = new ImageData(size, size);
  for (let i = 0; i < size * size; i++)
    image.data.set([pixels[i] ?? 0, pixels[i] ?? 0, pixels[i] ?? 0, 255], 4 * i);
  const small = new OffscreenCanvas(size, size);
  small.getContext('2d')?.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
}
