/** @file The inputs and outputs of a graph. */
import { get } from '../access.ts';
import { MoonletError } from '../errors.ts';
import { type Graph, isMap, type Shape } from './op.ts';
import { shapes } from './shape.ts';

/** Height, width and channels of the one input, or its length. @throws MoonletError when there are several. */
export function inputShape(graph: Graph): Shape {
  const inputs = graph.nodes.flatMap(({ op }) => (op.kind === 'input' ? [op.shape] : []));
  const [shape, ...more] = inputs;
  if (!shape || more.length)
    throw new MoonletError(`${graph.name}: has ${inputs.length} inputs; expected one`);
  return shape;
}

/** The graph's one output, which a classifier has. @throws MoonletError when there are several. */
export function onlyOutput(graph: Graph): string {
  const [id, ...more] = graph.outputs;
  if (id === undefined || more.length)
    throw new MoonletError(`${graph.name}: has ${graph.outputs.length} outputs; expected one`);
  return id;
}

/** The number of classes of a classifier. @throws MoonletError when the output is a map. */
export function classesOf(graph: Graph): number {
  const shape = get(shapes(graph), onlyOutput(graph));
  if (isMap(shape))
    throw new MoonletError(`${graph.name}: the output is a map ${shape.join('x')}, not a vector of classes`);
  return shape[0];
}
