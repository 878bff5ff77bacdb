/**
 * `moonlet/pictures`: pictures in memory, resized, cropped and normalized as timm does it, and augmented as torchvision does it. Plain
 * TypeScript without Node, so that it runs in browsers; files and folders are read by `moonlet/data`.
 *
 * @module moonlet/pictures
 */
export {
  type AugmentTarget,
  augmented,
  type ColorJitter,
  type PictureAugment,
  type RandAugment,
  type ResizedCrop,
} from './augment/index.ts';
export * as operations from './augment/operations.ts';
export { type BrowserSource, type CanvasPixels, fromBrowser, fromImageData } from './browser.ts';
export { cropped, exchanged, inChannels, type Picture } from './picture.ts';
export { checkPreparation, normalized, type Preparation, prepared, scaleOf, sizeOfInput } from './prepare.ts';
export { type Interpolation, interpolations, resize } from './resample.ts';
