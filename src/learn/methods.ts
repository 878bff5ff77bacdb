/**
 * @file Distillation methods that are more than a loss: they make the student, change its images, or train in stages.
 */
export { type Adapter, type AdapterOptions, adapter } from './distill/adapters.ts';
export { assistants, type Link } from './distill/assistants.ts';
export { type BornAgainOptions, bornAgain } from './distill/born-again.ts';
export {
  drawTargets,
  noiseSplit,
  type ReconstructImagesOptions,
  reconstructImages,
} from './distill/data-free.ts';
export {
  type FunctionMatching,
  type FunctionMatchingOptions,
  functionMatching,
} from './distill/function-matching.ts';
export { addHead, withOutput } from './distill/lwf.ts';
export {
  type LayerRecord,
  type Metadata,
  packMetadata,
  recordedLayers,
  recordMetadata,
  unpackMetadata,
} from './distill/metadata.ts';
export { type Moonshine, type MoonshineOptions, moonshine } from './distill/moonshine.ts';
export { type MungeOptions, munge } from './distill/munge.ts';
export { type Net2Net, net2net } from './distill/net2net.ts';
export { type ChooseOptions, type ChosenNeurons, chooseNeurons } from './distill/neuron-selection.ts';
export { type Selection, type SelectOptions, selectNeurons } from './distill/select-neurons.ts';
