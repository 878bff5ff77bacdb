/** @file The meaning of a detector's outputs, and the sizes that follow from them. */
import { MoonletError } from '../../../errors.ts';
import { channelsOf, type Graph, inputShape, isMap, type Shape, shapes } from '../../../graph/index.ts';
import { checkLogits } from '../../../read/index.ts';
import { type AnchorShapes, anchorBoxes } from './anchors.ts';
import type { Box } from './boxes.ts';

export interface DetectorLayout {
  /** Height and width of the image. */
  readonly size: number;
  /** Height and width of the maps. */
  readonly cells: number;
  readonly stride: number;
  readonly classes: number;
  /** Bins of a crop, high and wide. */
  readonly bins: number;
  /** All anchors, in the order of the maps' cells and channels. */
  readonly anchors: readonly Box[];
  /** Ids of the outputs. */
  readonly objectness: string;
  readonly anchorOffsets: string;
  readonly parts: string;
  readonly partOffsets: string;
}

/** Three sizes, square and upright: 6 anchors a cell. Sizes are for an image of 64 pixels. */
export const anchorShapes: AnchorShapes = { sizes: [10, 16, 25], ratios: [1, 2] };

/**
 * The outputs, anchors and grid of a detector, read from its graph.
 * @throws MoonletError when the graph is no detector for that many classes, or its outputs are probabilities.
 */
export function detectorLayout(graph: Graph, classes: number): DetectorLayout {
  const [objectness, anchorOffsets, parts, partOffsets] = graph.outputs;
  const known = shapes(graph);
  const [size] = inputShape(graph);
  const of = (id: string | undefined): Shape => known.get(id ?? '') ?? [0];
  const [o, a, c, b] = [of(objectness), of(anchorOffsets), of(parts), of(partOffsets)];
  const cells = o[0];
  const bins = Math.sqrt(channelsOf(b) / 4);
  const { sizes, ratios } = anchorShapes;
  const each = sizes.length * ratios.length;
  const fits =
    graph.outputs.length === 4 &&
    [o, a, c, b].every((s) => isMap(s) && s[0] === cells && s[1] === cells) &&
    channelsOf(o) === each &&
    channelsOf(a) === 4 * each &&
    Number.isInteger(bins);
  if (!fits || !objectness || !anchorOffsets || !parts || !partOffsets) {
    throw new MoonletError(
      `${graph.name}: is no detector: it needs four maps of one size for outputs, with ${each}, ${4 * each}, bins^2 (classes + 1) and 4 bins^2 channels; compose one with detector anchors=${each}`,
    );
  }
  for (const id of [objectness, parts]) checkLogits(graph, id);
  const found = channelsOf(c) / bins ** 2 - 1;
  if (found !== classes)
    throw new MoonletError(
      `${graph.name}: has ${found} classes, but the scenes have ${classes}; compose it with classes=${classes}`,
    );
  const stride = size / cells;
  const scaled = { sizes: sizes.map((s) => (s * size) / 64), ratios };
  const anchors = anchorBoxes(cells, stride, scaled);
  return { size, cells, stride, classes, bins, anchors, objectness, anchorOffsets, parts, partOffsets };
}
