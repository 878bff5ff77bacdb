/**
 * @file Descriptions of functions of Moonlet's losses and optimizers, which say all that a function depends on besides its arguments and
 * Moonlet's code. A step that is made of such functions can be named by a text, so that its traced form may be kept on disk. Functions of
 * users have no description, since nobody knows what they depend on.
 */
const descriptions = new WeakMap<object, unknown>();

/** The same function, with its description: a name, and every value that it captures, as JSON. */
export function described<F extends object>(f: F, ...description: readonly unknown[]): F {
  descriptions.set(f, description);
  return f;
}

/** Undefined for functions without one. */
export const descriptionOf = (f: object): unknown => descriptions.get(f);
