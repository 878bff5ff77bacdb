/** @file From the pad to an image as MNIST has it: 28 x 28 bytes, the drawing in a box of 20 pixels, its centre of mass in the middle. */
import { contextOf } from './pad.tsx';

const size = 28;
const inner = 20;

/** The pixels of the pad as bytes. */
function grey(canvas: HTMLCanvasElement): {
  readonly width: number;
  readonly height: number;
  readonly values: Uint8Array;
} {
  const { width, height } = canvas;
  const data = contextOf(canvas)?.getImageData(0, 0, width, height).data ?? new Uint8ClampedArray();
  return { width, height, values: Uint8Array.from({ length: width * height }, (_, i) => data[4 * i] ?? 0) };
}

/** The smallest box around what is not black; undefined for an empty pad. */
function boxOf(
  canvas: HTMLCanvasElement,
): readonly [left: number, top: number, right: number, bottom: number] | undefined {
  const { width, values } = grey(canvas);
  let [left, top, right, bottom] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, -1, -1];
  values.forEach((value, i) => {
    if (value < 24) return;
    const [x, y] = [i % width, Math.floor(i / width)];
    left = Math.min(left, x);
    right = Math.max(right, x + 1);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y + 1);
  });
  return right < 0 ? undefined : [left, top, right, bottom];
}

/** Draws a part of a canvas into 28 x 28 pixels. It halves the size step by step, so that thin lines stay. */
function shrunk(
  source: HTMLCanvasElement,
  [left, top, right, bottom]: readonly [number, number, number, number],
  [x, y, width, height]: readonly [number, number, number, number],
): Uint8Array {
  const small = new OffscreenCanvas(size, size);
  const context = small.getContext('2d');
  if (!context) return new Uint8Array(size * size);
  context.fillStyle = '#000';
  context.fillRect(0, 0, size, size);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = 'high';
  context.drawImage(source, left, top, right - left, bottom - top, x, y, width, height);
  const { data } = context.getImageData(0, 0, size, size);
  return Uint8Array.from({ length: size * size }, (_, i) => data[4 * i] ?? 0);
}

/** @param isCentered as MNIST does it; else the whole pad is made smaller. */
export function imageOf(canvas: HTMLCanvasElement, isCentered: boolean): Uint8Array | undefined {
  const box = boxOf(canvas);
  if (!box) return undefined;
  if (!isCentered) return shrunk(canvas, [0, 0, canvas.width, canvas.height], [0, 0, size, size]);
  const [left, top, right, bottom] = box;
  const scale = inner / Math.max(right - left, bottom - top);
  const [width, height] = [(right - left) * scale, (bottom - top) * scale];
  const [x, y] = [(size - width) / 2, (size - height) / 2];
  const first = shrunk(canvas, box, [x, y, width, height]);
  const [massX, massY] = massOf(first);
  return shrunk(canvas, box, [x + Math.round(13.5 - massX), y + Math.round(13.5 - massY), width, height]);
}

function massOf(pixels: Uint8Array): readonly [x: number, y: number] {
  let [sum, x, y] = [0, 0, 0];
  pixels.forEach((value, i) => {
    sum += value;
    x += value * (i % size);
    y += value * Math.floor(i / size);
  });
  return sum ? [x / sum, y / sum] : [13.5, 13.5];
}
