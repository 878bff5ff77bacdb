/** @file Checks data against a net before any work: images of its shape, labels of its classes. */
import { MoonletError } from '../../errors.ts';
import { type Graph, inputShape, isMap, printShape, type Shape, sizeOf } from '../../graph/index.ts';

/**
 * Checks labels against the classes of a net.
 * @throws MoonletError when a label is no class, 0 to classes - 1.
 */
export function checkLabels({ name }: Graph, labels: ArrayLike<number>, classes: number, what: string): void {
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    if (Number.isInteger(label) && label >= 0 && label < classes) continue;
    throw new MoonletError(
      `${what}: label ${label} of image ${i} is not one of the ${classes} classes of ${name}, 0 to ${classes - 1}; compose it with more classes, or correct the label`,
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
