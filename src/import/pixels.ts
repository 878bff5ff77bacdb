/** @file The preprocessing of a Keras model before its first conv, as one affine map per channel. */

/** x = scale * value + offset for values of 0 to 255; one number for all channels, or one a channel. */
export interface Affine {
  readonly scale: readonly number[];
  readonly offset: readonly number[];
}

export interface Pixels {
  /** Undefined when the model has no such layers: then pixels must be prepared outside of it. */
  readonly affine?: Affine;
  /** A layer before the first conv whose effect on pixels is not known here. */
  readonly unread?: string;
}
