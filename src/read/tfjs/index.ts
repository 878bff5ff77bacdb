/**
 * `moonlet/tfjs`: graphs as tf.layers models and as pure tensor functions.
 *
 * @module moonlet/tfjs
 */
export { type CodeTensors, codeTensors, disposeCodes, type LayerCodes } from './codes.ts';
export { type LayersFiles, packLayers, predictions, unpackLayers, weightsFile } from './files.ts';
export { type Forward, type ForwardOptions, forward, type WeightTensors, weightTensors } from './forward.ts';
export { fromLayers } from './from-layers.ts';
export { isOpLayer, OpLayer, type OpLayerArgs } from './layer.ts';
export { type ToLayersOptions, toLayers } from './to-layers.ts';
