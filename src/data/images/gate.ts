/** @file A bound on the memory of what is done at the same time. */

/** The most at a time, whatever their size. */
const mostTogether = 64;

/**
 * Lets work of so many bytes in at a time, first come, first served; what is larger goes alone.
 * @returns a function that does the work when there is room, and gives its result.
 */
export function gate(most: number): <T>(bytes: number, work: () => Promise<T>) => Promise<T> {
  let inside = 0;
  const waiting: { readonly size: number; enter(): void }[] = [];
  const admit = (): void => {
    for (let next = waiting[0]; next && (inside === 0 || inside + next.size <= most); next = waiting[0]) {
      waiting.shift();
      inside += next.size;
      next.enter();
    }
  };
  return async <T>(bytes: number, work: () => Promise<T>): Promise<T> => {
    const size = Math.max(bytes, most / mostTogether);
    await new Promise<void>((enter) => {
      waiting.push({ size, enter });
      admit();
    });
    try {
      return await work();
    } finally {
      inside -= size;
      admit();
    }
  };
}
