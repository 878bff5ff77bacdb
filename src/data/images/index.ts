/**
 * `moonlet/pictures`: pictures in memory, resized, cropped and normalized as timm does it. Plain TypeScript without Node, so that it
 * runs in browsers; files and folders are read by `moonlet/data`.
 *
 * @module moonlet/pictures
 */
export { cropped, inChannels, type Picture } from './picture.ts';
export { checkPreparation, normalized, type Preparation, prepared, scaleOf, sizeOfInput } from './prepare.ts';
export { type Interpolation, interpolations, resize } from './resample.ts';
