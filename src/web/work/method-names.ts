/** @file The ways to distill, by name; the losses of those that the page runs are in `methods.ts`, which loads what trains. */

export interface MethodName {
  readonly id: string;
  readonly name: string;
  readonly about: string;
}

/** Methods that run in the page where student and teacher fit. */
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
    id: 'hints',
    name: 'Hints',
    about: 'Romero et al. 2015 (FitNets): a middle layer follows one of the teacher, through a regressor',
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
  {
    id: 'sobolev',
    name: 'Sobolev training',
    about: 'Czarnecki et al. 2017: logits, and their derivatives by the pixels; slow',
  },
  {
    id: 'one',
    name: 'Native ensemble',
    about: 'Lan et al. 2018: branches of the student teach each other; the teacher is not read',
  },
  {
    id: 'rkd',
    name: 'Relations',
    about: 'Park et al. 2019: distances and angles between the embeddings of a batch',
  },
  {
    id: 'crd',
    name: 'Contrast',
    about: 'Tian et al. 2020: embeddings of the same image agree, those of 1,024 others do not; slow',
  },
  {
    id: 'srd',
    name: "Through the teacher's classifier",
    about: "Yang et al. 2021: the student's embedding, and what the teacher's classifier makes of it",
  },
  {
    id: 'review-kd',
    name: 'Knowledge review',
    about: 'Chen et al. 2021: fused maps of several stages follow those of the teacher',
  },
  {
    id: 'token-distillation',
    name: 'A classifier of its own',
    about:
      'Touvron et al. 2021: the teacher trains a second classifier; the student predicts by the mean of both',
  },
  {
    id: 'dkd',
    name: 'Decoupled soft targets',
    about: 'Zhao et al. 2022: soft targets with one weight for the label and one for the other classes',
  },
  {
    id: 'dist',
    name: 'Correlations',
    about: 'Huang et al. 2022 (DIST): correlations of the probabilities, by image and by class',
  },
  {
    id: 'logit-standardization',
    name: 'Standardized logits',
    about: 'Sun et al. 2024: soft targets of logits with mean 0 and deviation 1',
  },
  {
    id: 'features',
    name: 'Features',
    about: 'timm: squared differences of the embeddings, through a dense layer',
  },
] as const satisfies readonly MethodName[];
export type MethodId = (typeof methodNames)[number]['id'];

/** Methods of the library that need more than a pair of classifiers and their images; what each needs. */
export const otherMethods: readonly (MethodName & { readonly needs: string })[] = [
  {
    ...{
      id: 'moonshine',
      name: 'Moonshine',
      about: 'Crowley et al. 2018: cheap blocks and attention transfer',
    },
    needs:
      'A student made of its teacher: the students with G and BG are; choose soft targets and attention.',
  },
  {
    ...{ id: 'net2net', name: 'Net2Net', about: 'Chen et al. 2016: a larger net that computes the same' },
    needs: 'A larger student made of its teacher: see Grow.',
  },
  {
    ...{ id: 'born-again', name: 'Born again', about: 'Furlanello et al. 2018: generations of equal nets' },
    needs: 'Several runs, one after another: methods.bornAgain in Node.',
  },
  {
    ...{
      id: 'multi-teacher',
      name: 'Several teachers',
      about: 'Zhang et al. 2022: teachers weighted by confidence',
    },
    needs: 'Several teachers: recipes in Node have them.',
  },
  {
    ...{ id: 'rocket', name: 'Rocket launching', about: 'Zhou et al. 2018: a larger net is trained along' },
    needs: 'A larger net that shares layers with the student: losses.rocket in Node.',
  },
  {
    ...{
      id: 'function-matching',
      name: 'Function matching',
      about: 'Beyer et al. 2022: long runs on mixed images',
    },
    needs: 'Mixed images and long runs: methods.functionMatching in Node.',
  },
  {
    ...{
      id: 'lwf',
      name: 'Learning without forgetting',
      about: 'Li and Hoiem 2017: a new task, the old answers',
    },
    needs: 'A net with an old and a new head.',
  },
  {
    ...{
      id: 'munge',
      name: 'Model compression',
      about: 'Bucila et al. 2006: labels of an ensemble on made-up data',
    },
    needs: 'Data that are made up first: methods.munge in Node.',
  },
  {
    ...{ id: 'data-free', name: 'Data-free', about: 'Lopes et al. 2017: images rebuilt of statistics' },
    needs: 'Recorded statistics of the teacher: methods.reconstructImages in Node.',
  },
  {
    ...{
      id: 'neuron-selection',
      name: 'Chosen neurons',
      about: 'Luo et al. 2016: neurons that know attributes',
    },
    needs: 'Images with attributes, by which neurons are chosen.',
  },
  {
    ...{
      id: 'cross-modal',
      name: 'Across modalities',
      about: 'Gupta et al. 2016: a teacher of other pictures',
    },
    needs: 'Pairs of pictures, such as colour and depth.',
  },
  {
    ...{ id: 'mimic', name: 'Mimic', about: 'Li et al. 2017: features inside of proposals' },
    needs: 'Images with boxes.',
  },
  {
    ...{ id: 'detection', name: 'Detection', about: 'Chen et al. 2017: classes and boxes of a detector' },
    needs: 'Images with boxes.',
  },
  {
    ...{
      id: 'multi-task',
      name: 'Prediction and distillation',
      about: 'Xu et al. 2018: depth and parts at once',
    },
    needs: 'Images with maps of depth and parts.',
  },
];
