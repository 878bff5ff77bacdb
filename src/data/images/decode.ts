/**
 * @file Files of pictures (PNG, JPEG, WebP) as pixels, equal to what Pillow decodes: sharp does it, the most used library for it in
 * Node (libvips; its binaries are npm packages), which is installed only by those who read pictures.
 */
import { readFile } from 'node:fs/promises';
import { codeOf, MoonletError, messageOf, oneLine, UsageError } from '../../errors.ts';
import { inChannels, type Picture } from './picture.ts';

export interface ReadOptions {
  /** 3 for RGB (the default), 1 for grey. */
  readonly channels?: 1 | 3 | undefined;
  /** Whether a picture is turned as its EXIF orientation says, as viewers do; `true` by default. timm's own readers do not turn. */
  readonly orient?: boolean | undefined;
}
type Sharp = typeof import('sharp')['default'];

const install = 'npm install sharp@0.35.5';
let loaded: Promise<Sharp> | undefined;
/** @throws MoonletError with the line that installs sharp. */
function sharpOf(): Promise<Sharp> {
  loaded ??= import('sharp').then(
    (m) => m.default,
    (e) => {
      loaded = undefined;
      throw new MoonletError(
        codeOf(e) === 'ERR_MODULE_NOT_FOUND'
          ? `pictures are decoded by the package sharp, which is not installed; run: ${install}`
          : `the package sharp cannot be loaded (${oneLine(messageOf(e))}); its binaries are optional dependencies: ${install} --include=optional`,
      );
    },
  );
  return loaded;
}

/** a b / 255, rounded, as Pillow's macro has it. */
function product(a: number, b: number): number {
  const t = a * b + 128;
  return ((t >> 8) + t) >> 8;
}

/** CMYK as RGB without a colour profile: each ink takes its share of what black leaves. */
function fromInks(inks: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((inks.length / 4) * 3);
  for (let i = 0; i < inks.length / 4; i++) {
    const light = 255 - inks[4 * i + 3]!;
    for (let c = 0; c < 3; c++) rgb[3 * i + c] = light - product(inks[4 * i + c]!, light);
  }
  return rgb;
}

type Reader = (from: SharpPicture) => Promise<Picture>;
type SharpPicture = ReturnType<Sharp>;

async function rawOf(from: SharpPicture, depth: 'uchar' | 'ushort') {
  const { data, info } = await from.raw({ depth }).toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, channels: info.channels, data: new Uint8Array(data) };
}
const colours: Reader = (from) => rawOf(from.removeAlpha().toColourspace('srgb'), 'uchar');
/** What differs from `colours`, by libvips' name of the colour space. */
const ways: Readonly<Record<string, Reader>> = {
  'b-w': (from) => rawOf(from.removeAlpha().toColourspace('b-w'), 'uchar'),
  async grey16(from) {
    const { data, ...rest } = await rawOf(from.removeAlpha().toColourspace('grey16'), 'ushort');
    const wide = new Uint16Array(data.buffer);
    return { ...rest, data: Uint8Array.from(wide, (v) => v >> 8) };
  },
  async cmyk(from) {
    const raw = await rawOf(from.pipelineColourspace('cmyk').toColourspace('cmyk'), 'uchar');
    return { ...raw, channels: 3, data: fromInks(raw.data) };
  },
};

/**
 * The pixels of an encoded PNG, JPEG or WebP, as `ImageOps.exif_transpose(Image.open(file)).convert('RGB')` of Pillow: transparency is
 * dropped, not laid over a colour; colour profiles are not applied; of 16 bits the upper 8 are taken (Pillow does so for colours, and
 * cuts grey ones off at 255).
 * @param name how messages call it.
 * @throws MoonletError for bytes that are no picture, or one that is damaged or cut off, or when sharp is not installed.
 *
 * @example
 * import { readFile } from 'node:fs/promises';
 * import { decodePicture } from 'moonlet/data';
 *
 * const { width, channels } = await decodePicture(await readFile('docs/scenes.png'), 'scenes');
 * channels; // 3
 */
export async function decodePicture(
  bytes: Uint8Array,
  name = 'picture',
  o: ReadOptions = {},
): Promise<Picture> {
  const { channels = 3, orient = true } = o;
  if (channels !== 1 && channels !== 3) throw new UsageError(`channels must be 1 or 3, got ${channels}`);
  if (!bytes.length) throw new MoonletError(`${name}: the file is empty; remove it or fetch it again`);
  const sharp = await sharpOf();
  try {
    const read = sharp(bytes, { ignoreIcc: true, failOn: 'truncated' });
    const { format = '', space } = await read.metadata();
    if (!['png', 'jpeg', 'webp'].includes(format))
      throw new MoonletError(`${name}: a picture of the kind ${format}; convert it to PNG, JPEG or WebP`);
    const turned = orient ? read.autoOrient() : read;
    const picture = await (ways[space ?? ''] ?? colours)(turned);
    return inChannels(picture, channels);
  } catch (e) {
    if (e instanceof MoonletError) throw e;
    throw new MoonletError(
      `${name}: is no PNG, JPEG or WebP, or is damaged (${reason(e)}); remove it or fetch it again`,
    );
  }
}
const reason = (e: unknown): string =>
  oneLine(messageOf(e))
    .replace(/[.;:\s]+$/, '')
    .slice(0, 120);

/**
 * The pixels of a file; see `decodePicture`.
 * @throws MoonletError that names the file.
 */
export async function readPicture(path: string, o: ReadOptions = {}): Promise<Picture> {
  const bytes = await readFile(path).catch((e) => {
    throw new MoonletError(`${path}: cannot be read (${codeOf(e) ?? messageOf(e)}); check the path`);
  });
  return decodePicture(bytes, path, o);
}
