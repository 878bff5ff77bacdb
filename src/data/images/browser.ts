/**
 * @file Pictures of browsers: what a canvas holds, and files that the browser decodes. It uses `createImageBitmap` and `OffscreenCanvas`,
 * which pages and workers of all browsers have.
 */
import { MoonletError, messageOf, oneLine, UsageError } from '../../errors.ts';
import { checkPicture, inChannels, type Picture } from './picture.ts';

/** The pixels of a canvas: `ImageData`, or an object like it. RGBA, 4 bytes a pixel, row after row. */
export interface CanvasPixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray | Uint8Array;
}

/**
 * The pixels of a canvas as a picture; alpha is dropped, as `readPicture` of `moonlet/data` does.
 * @param channels 3 for RGB (the default), 1 for grey.
 * @throws UsageError when the bytes are not as many as width and height say.
 *
 * @example
 * import { fromImageData } from 'moonlet/pictures';
 *
 * const pixels = { width: 2, height: 1, data: Uint8ClampedArray.of(255, 0, 0, 255, 9, 8, 7, 0) };
 * fromImageData(pixels).data.join(' '); // '255 0 0 9 8 7'
 */
export function fromImageData({ width, height, data }: CanvasPixels, channels: 1 | 3 = 3): Picture {
  if (data.length !== width * height * 4)
    throw new UsageError(
      `picture: ${width} x ${height} pixels of a canvas have ${width * height * 4} bytes, got ${data.length}`,
    );
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    rgb[3 * i] = data[4 * i]!;
    rgb[3 * i + 1] = data[4 * i + 1]!;
    rgb[3 * i + 2] = data[4 * i + 2]!;
  }
  const picture = { width, height, channels: 3, data: rgb };
  checkPicture(picture);
  return inChannels(picture, channels);
}

/** What the browser decodes or holds decoded. */
export type BrowserSource = Blob | ImageBitmap | CanvasPixels;

const isPixels = (source: BrowserSource): source is CanvasPixels => 'data' in source;
const isFile = (source: BrowserSource): source is Blob => 'arrayBuffer' in source;

/**
 * The pixels of a file that the browser decodes (`Blob`, `File`), of an `ImageBitmap`, or of `ImageData`. Files are turned as their EXIF
 * orientation says; colour profiles are not applied. A canvas stores colours multiplied by alpha: pixels that are partly transparent
 * may differ by rounding from those of `moonlet/data`, and those that are clear are black.
 * @param channels 3 for RGB (the default), 1 for grey.
 * @throws MoonletError for a file that the browser does not decode; UsageError where there is no canvas, such as in Node.
 *
 * @example
 * import { fromBrowser, prepared } from 'moonlet/pictures';
 *
 * const how = { size: 24, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };
 * const inputOf = async (file: Blob) => prepared(await fromBrowser(file), how); // of <input type="file">
 * typeof inputOf; // 'function'
 */
export async function fromBrowser(source: BrowserSource, channels: 1 | 3 = 3): Promise<Picture> {
  if (isPixels(source)) return fromImageData(source, channels);
  if (typeof OffscreenCanvas === 'undefined' || typeof createImageBitmap === 'undefined')
    throw new UsageError(
      'fromBrowser: there is no canvas here; in Node read pictures by readPicture of moonlet/data',
    );
  const bitmap = isFile(source) ? await decoded(source) : source;
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (!canvas) throw new MoonletError(`picture: the browser gives no canvas of ${width} x ${height}`);
  canvas.drawImage(bitmap, 0, 0);
  if (bitmap !== source) bitmap.close();
  return fromImageData(canvas.getImageData(0, 0, width, height), channels);
}

async function decoded(file: Blob): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(file, {
      imageOrientation: 'from-image',
      premultiplyAlpha: 'none',
      colorSpaceConversion: 'none',
    });
  } catch (e) {
    throw new MoonletError(
      `picture: the browser does not decode this file of type "${file.type}" (${oneLine(messageOf(e))}); give PNG, JPEG or WebP`,
    );
  }
}
