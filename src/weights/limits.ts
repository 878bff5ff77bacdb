/** @file Limits on the memory that a file from outside may need, checked before it is allocated. */
import { MoonletError } from '../errors.ts';

/** The most bytes that a file's tensors may take in memory, by default. */
export const mostBytes = 2 ** 30;
/** The longest text that describes tensors: with about 150 bytes a tensor, 50,000 of them. */
export const mostHeader = 2 ** 23;

export interface UnpackOptions {
  /** The most bytes that encoded weights may take as float32; 1 GiB by default. A plain weight takes what the file does. */
  readonly maxBytes?: number;
}

/** A limit on memory, used up part by part. */
export class Budget {
  readonly #most: number;
  #left: number;
  constructor(most: number) {
    this.#most = most;
    this.#left = most;
  }
  /** @throws MoonletError when these bytes are more than what is left; `what` begins the message. */
  spend(bytes: number, what: string): void {
    if (bytes <= this.#left) {
      this.#left -= bytes;
      return;
    }
    throw new MoonletError(
      `${what} would take more than ${this.#most} bytes of memory; if that is meant, raise maxBytes`,
    );
  }
}
