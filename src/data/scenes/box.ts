/** @file Boxes in pixels. */

/** Edges in pixels, the far ones not included: a box of one pixel at the origin is [0, 0, 1, 1]. */
export type Box = readonly [top: number, left: number, bottom: number, right: number];
