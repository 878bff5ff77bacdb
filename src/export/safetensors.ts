/** @file A net as graph.json and weights.safetensors. */
import { type Net, pack } from '../weights/index.ts';

/**
 * The two files of a net, as `saveNet` of `moonlet/zoo` writes them: the graph as JSON and the weights as safetensors. `unpack` of
 * `moonlet` joins them.
 *
 * @example
 * import { graph, init, input, unpack } from 'moonlet';
 * import { toSafetensors } from 'moonlet/export';
 *
 * const { graphJson, weights } = toSafetensors(init(graph('line', input(3).dense(2)), { seed: 1 }));
 * console.log(unpack({ graphJson, weights }).graph.name); // line
 */
export const toSafetensors = (net: Net): { readonly graphJson: string; readonly weights: Uint8Array } =>
  pack(net);
