/** @file The ways to distill that the page offers, by name; their losses are in `methods.ts`, which loads what trains. */

export interface MethodName {
  readonly id: string;
  readonly name: string;
  readonly about: string;
}

export const methodNames = [
  {
    id: 'soft-targets',
    name: 'Soft targets',
    about: 'Hinton et al. 2015: the probabilities of the teacher at temperature 4',
  },
  {
    id: 'attention',
    name: 'Attention transfer',
    about: 'Zagoruyko and Komodakis 2017: labels, and where the stages of the teacher look',
  },
  {
    id: 'soft-attention',
    name: 'Soft targets and attention',
    about: 'Both, as Moonshine trains its students (Crowley et al. 2018)',
  },
  {
    id: 'logits',
    name: 'Logits',
    about: 'Ba and Caruana 2014: squared differences of the logits, without labels',
  },
  {
    id: 'fsp',
    name: 'Flow between layers',
    about: 'Yim et al. 2017: Gram matrices of maps at both ends of a stage, beside labels',
  },
  {
    id: 'darkrank',
    name: 'DarkRank',
    about: 'Chen et al. 2018: how similar images are to each other, beside labels',
  },
] as const satisfies readonly MethodName[];
export type MethodId = (typeof methodNames)[number]['id'];
