/** @file Operations on pictures by the words of scripts/reference/augment.py. */
import { operations, type Picture } from '../../src/data/images/index.ts';

/** A name and its numbers, such as `["rotate", -9.3, "bilinear"]`. */
export type Words = readonly [name: string, ...amounts: readonly unknown[]];

const sampled = ['shearX', 'shearY', 'translateX', 'translateY', 'rotate'] as const;
const byNumber = [
  ...(['brightness', 'contrast', 'saturation', 'sharpness'] as const),
  ...(['hue', 'posterize', 'solarize'] as const),
];

/** The function that the words call. */
export function operationNamed([name, ...amounts]: Words): (picture: Picture) => Picture {
  const [first, second, how] = amounts;
  if (name === 'autoContrast') return operations.autoContrast;
  if (name === 'equalize') return operations.equalize;
  if (name === 'resizedCrop' && Array.isArray(first) && Array.isArray(second)) {
    const [top, left, height, width] = first.map(Number);
    const region = { top: top ?? 0, left: left ?? 0, height: height ?? 0, width: width ?? 0 };
    const [h = 0, w = 0] = second.map(Number);
    return (picture) => operations.resizedCrop(picture, region, [h, w], String(how));
  }
  for (const known of sampled)
    if (name === known)
      return (picture) =>
        operations[known](picture, Number(first), second === 'bilinear' ? 'bilinear' : 'nearest');
  for (const known of byNumber)
    if (name === known) return (picture) => operations[known](picture, Number(first));
  throw new Error(`no operation ${name}`);
}
