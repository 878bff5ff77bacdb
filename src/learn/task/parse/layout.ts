/** @file The meaning of a parser's outputs: those under `head` are its results, those under `first` are auxiliary. */
import { get } from '../../../access.ts';
import { MoonletError } from '../../../errors.ts';
import { type Graph, inputShape, isMap, type Shape, shapes } from '../../../graph/index.ts';

/** The tasks of a parser. */
export const parsingTasks = ['segmentation', 'depth', 'contour'] as const;
export type ParsingTask = (typeof parsingTasks)[number];
export interface ParserLayout {
  /** Height and width of the image. */
  readonly size: number;
  /** Height and width of what is predicted. */
  readonly cells: number;
  /** All predictions, in the order of the graph's outputs. */
  readonly predictions: readonly {
    readonly task: ParsingTask;
    readonly id: string;
    readonly final: boolean;
  }[];
}

/**
 * The outputs and grid of a parser, read from its graph.
 * @throws MoonletError when the graph is no parser for that many classes.
 */
export function parserLayout(graph: Graph, classes: number): ParserLayout {
  const known = shapes(graph);
  const [size] = inputShape(graph);
  const predictions = graph.outputs.flatMap((id) => {
    const [part, name] = id.split('/');
    const task = parsingTasks.find((t) => t === name);
    return task && (part === 'head' || part === 'first') ? [{ task, id, final: part === 'head' }] : [];
  });
  const shapeOf = (id: string): Shape => get(known, id);
  const segmentation = predictions.find((p) => p.task === 'segmentation' && p.final);
  const shape = segmentation && shapeOf(segmentation.id);
  if (!shape || !isMap(shape) || predictions.length !== graph.outputs.length)
    throw new MoonletError(
      `${graph.name}: is no parser of scenes: it needs outputs head/segmentation, and others under head or first; compose one with parser or pad-net`,
    );
  const [cells, , channels] = shape;
  if (channels !== classes + 1)
    throw new MoonletError(
      `${graph.name}: has ${channels - 1} classes, but the scenes have ${classes}; compose it with classes=${classes}`,
    );
  return { size, cells, predictions };
}
