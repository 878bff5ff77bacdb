/**
 * `moonlet/zoo`: architectures by name, trained students with their teachers.
 *
 * @module moonlet/zoo
 */

export { condensenet } from './architectures/condensenet.ts';
export { densenet121, densenetCifar } from './architectures/densenet.ts';
export { detector } from './architectures/detector.ts';
export {
  efficientnetB0,
  efficientnetLite0,
  efficientnetLite1,
  efficientnetLite2,
  efficientnetLite3,
  efficientnetLite4,
} from './architectures/efficientnet.ts';
export { fasternetT0 } from './architectures/fasternet.ts';
export { fitnet1, fitnet2, fitnet3, fitnet4 } from './architectures/fitnet.ts';
export { ghostnet } from './architectures/ghostnet.ts';
export { igcv1 } from './architectures/igcv1.ts';
export { igcv3 } from './architectures/igcv3.ts';
export { architectures, compose, sceneArchitectures } from './architectures/index.ts';
export { lcnet } from './architectures/lcnet.ts';
export { lenet5 } from './architectures/lenet-5.ts';
export { mnasnet } from './architectures/mnasnet.ts';
export { mobilenetV1 } from './architectures/mobilenet-v1.ts';
export { mobilenetV2 } from './architectures/mobilenet-v2.ts';
export { mobilenetV3Large, mobilenetV3Small } from './architectures/mobilenet-v3.ts';
export { mobilenetV4ConvSmall } from './architectures/mobilenet-v4.ts';
export { mobileoneS0, mobileoneS1 } from './architectures/mobileone.ts';
export { nin } from './architectures/nin.ts';
export { padNet } from './architectures/pad-net.ts';
export { parser } from './architectures/parser.ts';
export { regnetX200mf, regnetX400mf, regnetY200mf, regnetY400mf } from './architectures/regnet.ts';
export { repvggA0, repvggA1 } from './architectures/repvgg.ts';
export { resnet18, resnet34, resnet50 } from './architectures/resnet.ts';
export { resnetCifar } from './architectures/resnet-cifar.ts';
export { resnext50, resnextCifar } from './architectures/resnext.ts';
export { shiftnet } from './architectures/shiftnet.ts';
export { shufflenetV1 } from './architectures/shufflenet-v1.ts';
export { shufflenetV2 } from './architectures/shufflenet-v2.ts';
export { snn } from './architectures/snn.ts';
export { squeezenet } from './architectures/squeezenet.ts';
export { squeezenext } from './architectures/squeezenext.ts';
export { starnetS1, starnetS050 } from './architectures/starnet.ts';
export { wrn } from './architectures/wrn.ts';
export { xception } from './architectures/xception.ts';
export { holdsNet, studentFolder, studentNames } from './folders.ts';
export { filesOf, jsonFile, loadNet, saveNet } from './nets.ts';
export { cacheFolder, type Pulled, type PullOptions, pull } from './pull.ts';
export { makeIndex, parseIndex, type RegistryIndex } from './registry.ts';
export {
  type Card,
  type LoadOptions,
  loadStudent,
  readCard,
} from './students.ts';
