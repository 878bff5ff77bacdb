/** @file A fine-tuning run that Moonlet and PyTorch both do, and what they say of it. */

/** What both are told; each run is a process of its own. */
export interface Job {
  /** The pictures: `train` and `val`, with class folders in each. */
  readonly pictures: string;
  /** The net at the start: graph.json and weights.safetensors for Moonlet, model.safetensors under timm's names for PyTorch. */
  readonly start: string;
  /** Where files of the run are kept. */
  readonly scratch: string;
  readonly classes: number;
  /** Height and width of pictures and of the input. */
  readonly size: number;
  /** Of each channel, of bytes that were divided by 255. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly seed: number;
  readonly threads: number;
  readonly batch: number;
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  /** The learning rate of each step. */
  readonly rates: readonly number[];
  /** Of SGD with Nesterov momentum; the decay is added to the gradients of kernels. */
  readonly momentum: number;
  readonly weightDecay: number;
  /** The share of old running statistics that norms keep. */
  readonly normMomentum: number;
  readonly dropout: number;
  /** Pictures move by up to so many pixels, and half of them are mirrored. */
  readonly shift: number;
  /** Of PyTorch: images in channels-last memory, processes that read pictures. */
  readonly channelsLast?: boolean;
  readonly workers?: number;
}

/** What a run reports: seconds from before the first picture is read to the last accuracy, and parts of them. */
export interface Outcome {
  /** On `val` after each epoch, fractions of 1; that of the run is the last. */
  readonly accuracies: readonly number[];
  readonly seconds: number;
  /** Before the first step: pictures read (Moonlet) or listed (PyTorch), the net made and, by Moonlet, compiled. */
  readonly readySeconds: number;
  /** In evaluations. */
  readonly evaluateSeconds: number;
  /** The median step after the first, in milliseconds; batches included. */
  readonly stepMs: number;
  /** The most memory of the process, and of its largest worker that reads pictures. */
  readonly peakMiB: number;
  readonly workerMiB?: number;
  readonly versions: string;
}
