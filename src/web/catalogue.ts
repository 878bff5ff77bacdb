/** @file The nets of the page's chart: what is known of each without composing it. */

export interface Paper {
  readonly title: string;
  readonly authors: string;
  readonly year: number;
  readonly arxiv?: string;
}

export interface Entry {
  /** `mnist/wrn-16-1`, `torchvision/resnet18`, or the name of an architecture. */
  readonly id: string;
  readonly kind: 'architecture' | 'published' | 'student' | 'teacher';
  readonly label: string;
  /** The architecture with its options, as `compose` reads them. */
  readonly words: string;
  /** Moonshine's block in place of the architecture's own. */
  readonly block?: string;
  readonly params: number;
  readonly macs: number;
  /** Bytes of the weights as they are stored. */
  readonly bytes: number;
  /** Bytes of the values that are alive at once in inference, for one example in float32. */
  readonly peakBytes: number;
  readonly data?: string;
  /** Top-1, a fraction of 1. */
  readonly accuracy?: number;
  readonly interval?: readonly [low: number, high: number];
  /** The id of the net that taught it. */
  readonly teacher?: string;
  /** The name of published weights. */
  readonly weights?: string;
  readonly paper?: Paper;
}
export interface Catalogue {
  /** Where published accuracies come from. */
  readonly source: string;
  readonly entries: readonly Entry[];
}

/** Why methods do not run, by student, teacher and method; what runs is not among them. */
export type Refusals = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, string>>>>>>;

/** What datasets are called, by their names in cards. */
export const dataNames: Readonly<Record<string, string>> = {
  mnist: 'MNIST',
  'fashion-mnist': 'Fashion-MNIST',
  imagenet: 'ImageNet',
};
