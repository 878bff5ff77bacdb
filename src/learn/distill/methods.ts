/**
 * @file The distillation methods of the survey by Gao, Tian, Xu and Zhong (Journal of Software 2021, 32(1): 68-92), by
 * its reference numbers, and methods after it. Each is the file of its id in this folder, and `zoo/recipes/<id>.json` runs it.
 *
 * The survey cites Li and Hoiem [150] for growth in width and depth, which they do not treat; `lwf` is their method, and
 * growth is the edit `grow` with the option `growth` of a run.
 */

export interface Method {
  /** The name of its file and of its recipe. */
  readonly id: string;
  /** Its number in the survey's references; none for methods after the survey. */
  readonly ref?: number;
  /** The paper's number at arXiv, of methods after the survey. */
  readonly arxiv?: string;
  readonly title: string;
  readonly authors: string;
  readonly year: number;
}

const rows = [
  [146, 'munge', 2006, 'Bucila, Caruana, Niculescu-Mizil', 'Model Compression'],
  [147, 'logits', 2014, 'Ba, Caruana', 'Do Deep Nets Really Need to be Deep?'],
  [148, 'hints', 2015, 'Romero, Ballas, Kahou, Chassang, Gatta, Bengio', 'FitNets: Hints for Thin Deep Nets'],
  [149, 'net2net', 2016, 'Chen, Goodfellow, Shlens', 'Net2Net: Accelerating Learning via Knowledge Transfer'],
  [150, 'lwf', 2017, 'Li, Hoiem', 'Learning without Forgetting'],
  [151, 'moonshine', 2018, 'Crowley, Gray, Storkey', 'Moonshine: Distilling with Cheap Convolutions'],
  [152, 'one', 2018, 'Lan, Zhu, Gong', 'Knowledge Distillation by On-the-Fly Native Ensemble'],
  [153, 'soft-targets', 2015, 'Hinton, Vinyals, Dean', 'Distilling the Knowledge in a Neural Network'],
  [
    154,
    'fsp',
    2017,
    'Yim, Joo, Bae, Kim',
    'A Gift from Knowledge Distillation: Fast Optimization, Network Minimization and Transfer Learning',
  ],
  [
    155,
    'darkrank',
    2018,
    'Chen, Wang, Zhang',
    'DarkRank: Accelerating Deep Metric Learning via Cross Sample Similarities Transfer',
  ],
  [
    156,
    'sobolev',
    2017,
    'Czarnecki, Osindero, Jaderberg, Swirszcz, Pascanu',
    'Sobolev Training for Neural Networks',
  ],
  [
    157,
    'data-free',
    2017,
    'Lopes, Fenu, Starner',
    'Data-Free Knowledge Distillation for Deep Neural Networks',
  ],
  [
    158,
    'rocket',
    2018,
    'Zhou, Fan, Cui, Bian, Zhu, Gai',
    'Rocket Launching: A Universal and Efficient Framework for Training Well-Performing Light Net',
  ],
  [159, 'mimic', 2017, 'Li, Jin, Yan', 'Mimicking Very Efficient Network for Object Detection'],
  [
    160,
    'detection',
    2017,
    'Chen, Choi, Yu, Han, Chandraker',
    'Learning Efficient Object Detection Models with Knowledge Distillation',
  ],
  [
    161,
    'neuron-selection',
    2016,
    'Luo, Zhu, Liu, Wang, Tang',
    'Face Model Compression by Distilling Knowledge from Neurons',
  ],
  [162, 'cross-modal', 2016, 'Gupta, Hoffman, Malik', 'Cross Modal Distillation for Supervision Transfer'],
  [
    163,
    'multi-task',
    2018,
    'Xu, Ouyang, Wang, Sebe',
    'PAD-Net: Multi-Tasks Guided Prediction-and-Distillation Network for Simultaneous Depth Estimation and Scene Parsing',
  ],
] as const;

/** The methods of the survey, by their numbers there. */
export const methods: readonly Method[] = rows.map(([ref, id, year, authors, title]) => ({
  id,
  ref,
  title,
  authors,
  year,
}));

const later = [
  [
    'born-again',
    '1805.04770',
    2018,
    'Furlanello, Lipton, Tschannen, Itti, Anandkumar',
    'Born-Again Neural Networks',
  ],
  ['rkd', '1904.05068', 2019, 'Park, Kim, Lu, Cho', 'Relational Knowledge Distillation'],
  ['crd', '1910.10699', 2020, 'Tian, Krishnan, Isola', 'Contrastive Representation Distillation'],
  [
    'token-distillation',
    '2012.12877',
    2021,
    'Touvron, Cord, Douze, Massa, Sablayrolles, Jegou',
    'Training Data-Efficient Image Transformers and Distillation through Attention (as in timm)',
  ],
  [
    'srd',
    undefined,
    2021,
    'Yang, Martinez, Bulat, Tzimiropoulos',
    'Knowledge Distillation via Softmax Regression Representation Learning',
  ],
  ['review-kd', '2104.09044', 2021, 'Chen, Liu, Zhao, Jia', 'Distilling Knowledge via Knowledge Review'],
  [
    'function-matching',
    '2106.05237',
    2022,
    'Beyer, Zhai, Royer, Markeeva, Anil, Kolesnikov',
    'Knowledge Distillation: A Good Teacher Is Patient and Consistent',
  ],
  [
    'multi-teacher',
    '2201.00007',
    2022,
    'Zhang, Chen, Wang',
    'Confidence-Aware Multi-Teacher Knowledge Distillation (and fixed weights)',
  ],
  ['dkd', '2203.08679', 2022, 'Zhao, Cui, Song, Qiu, Liang', 'Decoupled Knowledge Distillation'],
  [
    'dist',
    '2205.10536',
    2022,
    'Huang, You, Wang, Qian, Xu',
    'Knowledge Distillation from A Stronger Teacher',
  ],
  [
    'logit-standardization',
    '2403.01427',
    2024,
    'Sun, Ren, Li, Wang, Cao',
    'Logit Standardization in Knowledge Distillation',
  ],
  ['features', undefined, 2026, 'Wightman (timm)', 'FeatureDistillationTask of timm 1.0.31'],
] as const;

/** The methods after the survey, by year. */
export const laterMethods: readonly Method[] = later.map(([id, arxiv, year, authors, title]) => ({
  id,
  ...(arxiv === undefined ? {} : { arxiv }),
  title,
  authors,
  year,
}));
