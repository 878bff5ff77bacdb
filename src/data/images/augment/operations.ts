/** @file The single operations on pictures that augmentations draw from, each equal to that of Pillow and torchvision. */
export { rotate, type Sampling, shearX, shearY, translateX, translateY } from './affine.ts';
export {
  autoContrast,
  brightness,
  contrast,
  equalize,
  posterize,
  saturation,
  sharpness,
  solarize,
} from './colour.ts';
export { hue } from './hue.ts';
export { type Region, resizedCrop } from './resized-crop.ts';
