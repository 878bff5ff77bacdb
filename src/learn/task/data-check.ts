/** @file Data held against the net that they are for, before any work: whole images of its shape, and labels of its classes. */
import type { Split } from '../../data/index.ts';
import { MoonletError } from '../../errors.ts';
import { type Graph, inputShape, isMap, printShape, type Shape, sizeOf } from '../../graph/index.ts';
import { checkNumber } from '../options.ts';
import type { Scale } from './scale.ts';

/**
 * @throws MoonletError when a split is not what it says: as many images and labels as it counts, images of bytes.
 * @throws UsageError when the scale is none.
 */
export function checkSplit(split: Split, { shape, mean, std }: Scale, what: string): void {
  checkNumber('mean', mean);
  checkNumber('std', std, { above: 0 });
  const { count, pixels, labels } = split;
  const fail = (reason: string): never => {
    throw new MoonletError(`${what}: ${reason}`);
  };
  if (!Number.isSafeInteger(count) || count < 1)
    fail(`count must be a whole number from 1 up, got ${count}; give at least one image`);
  const [h, w, c] = shape;
  if (shape.length !== 3 || ![h, w, c].every((n) => Number.isSafeInteger(n) && n > 0))
    fail(`images must have a shape [height, width, channels] of whole numbers, got ${printShape(shape)}`);
  const kind = Object.prototype.toString.call(pixels).slice('[object '.length, -1);
  if (kind !== 'Uint8Array' && kind !== 'Uint8ClampedArray')
    fail(`pixels must be bytes (Uint8Array), got ${kind}; scale them to 0 .. 255`);
  const wanted = count * h * w * c;
  if (pixels.length !== wanted)
    fail(
      `${count} images of ${printShape(shape)} have ${wanted} bytes, got ${pixels.length}; check count and shape`,
    );
  if (labels?.length !== count)
    fail(`got ${labels?.length ?? 'no'} labels for ${count} images; give one label an image`);
}

/** @throws MoonletError when a label is no class, 0 to classes - 1. */
export function checkLabels({ name }: Graph, labels: ArrayLike<number>, classes: number, what: string): void {
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i] as number;
    if (Number.isInteger(label) && label >= 0 && label < classes) continue;
    throw new MoonletError(
      `${what}: label ${label} of image ${i} is none of the ${classes} classes of ${name}, 0 to ${classes - 1}; compose it with more classes, or mend the label`,
    );
  }
}

/**
 * @throws MoonletError when a net does not take what it is given. A vector of as many values as an image has takes images,
 * row by row.
 */
export function checkInput(graph: Graph, given: Shape, what: string): void {
  const taken = inputShape(graph);
  if (printShape(taken) === printShape(given) || (!isMap(taken) && taken[0] === sizeOf(given))) return;
  const turned =
    isMap(taken) && isMap(given) && taken[0] === given[1] && taken[1] === given[0] && taken[2] === given[2];
  throw new MoonletError(
    `${graph.name}: takes ${printShape(taken)}, and ${what} ${printShape(given)}; ${turned ? 'height and width are exchanged: turn the images' : 'give it images of that height, width and channels'}`,
  );
}
