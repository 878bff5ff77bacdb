/** @file The architectures, a line per file. A new one is added here: the registry, the battery of tests and the exports find it. */
export { condensenet } from './condensenet.ts';
export { convnext } from './convnext.ts';
export { convnextV2 } from './convnext-v2.ts';
export { densenet, densenet121, densenetCifar } from './densenet.ts';
export { ddrnet23Slim } from './ddrnet.ts';
export { detector } from './detector.ts';
export { efficientformer } from './efficientformer.ts';
export { efficientformerV2 } from './efficientformer-v2.ts';
export {
  efficientnetB0,
  efficientnetB1,
  efficientnetB2,
  efficientnetB3,
  efficientnetLite0,
  efficientnetLite1,
  efficientnetLite2,
  efficientnetLite3,
  efficientnetLite4,
} from './efficientnet.ts';
export { edgenext } from './edgenext.ts';
export { efficientvit } from './efficientvit.ts';
export { fasternetT0 } from './fasternet.ts';
export { fastvit } from './fastvit.ts';
export { fbnetC, fbnetV3 } from './fbnet.ts';
export { fitnet1, fitnet2, fitnet3, fitnet4 } from './fitnet.ts';
export { ghostnet } from './ghostnet.ts';
export { ghostnetV2, ghostnetV3 } from './ghostnet-v2.ts';
export { hardcorenas } from './hardcorenas.ts';
export { igcv1 } from './igcv1.ts';
export { igcv3 } from './igcv3.ts';
export { inceptionNext } from './inception-next.ts';
export { lcnet } from './lcnet.ts';
export { lcnetV2 } from './lcnet-v2.ts';
export { lenet5 } from './lenet-5.ts';
export { lrasppMobilenetV3Large } from './lraspp.ts';
export {
  mcunetIn0,
  mcunetIn1,
  mcunetIn2,
  mcunetIn3,
  mcunetIn4,
  mcunetVww0,
  mcunetVww1,
  mcunetVww2,
} from './mcunet.ts';
export { mixnet } from './mixnet.ts';
export { autoencoder, dsCnn, mobilenetV1Vww, resnet8 } from './mlperf-tiny.ts';
export { mnasnet } from './mnasnet.ts';
export { mobilevit } from './mobilevit.ts';
export { mobilevitV2 } from './mobilevit-v2.ts';
export { mobilenetV1 } from './mobilenet-v1.ts';
export { mobilenetV2 } from './mobilenet-v2.ts';
export { mobilenetV3Large, mobilenetV3Small } from './mobilenet-v3.ts';
export { levit } from './levit.ts';
export { mobilenetV4HybridLarge, mobilenetV4HybridMedium } from './mobilenet-v4-hybrid.ts';
export { mobilenetV4ConvLarge, mobilenetV4ConvMedium, mobilenetV4ConvSmall } from './mobilenet-v4.ts';
export { mobileoneS0, mobileoneS1, mobileoneS2, mobileoneS3, mobileoneS4 } from './mobileone.ts';
export { nin } from './nin.ts';
export { padNet } from './pad-net.ts';
export { parser } from './parser.ts';
export { proxylessnas } from './proxylessnas.ts';
export { regnetX200mf, regnetX400mf, regnetY200mf, regnetY400mf } from './regnet.ts';
export { regnetX, regnetY } from './regnet-sizes.ts';
export { repghostnet } from './repghost.ts';
export { repvgg, repvggA0, repvggA1 } from './repvgg.ts';
export { repvit } from './repvit.ts';
export { resnet18, resnet34, resnet50 } from './resnet.ts';
export { resnet } from './resnet-variants.ts';
export { resnetCifar } from './resnet-cifar.ts';
export { resnext50, resnextCifar } from './resnext.ts';
export { rexnet } from './rexnet.ts';
export { shiftnet } from './shiftnet.ts';
export { shvit } from './shvit.ts';
export { shufflenetV1 } from './shufflenet-v1.ts';
export { shufflenetV2 } from './shufflenet-v2.ts';
export { snn } from './snn.ts';
export { squeezenet } from './squeezenet.ts';
export { squeezenext } from './squeezenext.ts';
export { ssdliteMobilenetV3Large } from './ssdlite.ts';
export {
  starnetS1,
  starnetS2,
  starnetS3,
  starnetS4,
  starnetS050,
  starnetS100,
  starnetS150,
} from './starnet.ts';
export { testByobnet } from './timm-byobnet.ts';
export { testEfficientnet, testResnet } from './timm-test.ts';
export { tinynetA, tinynetB, tinynetC, tinynetD, tinynetE } from './tinynet.ts';
export { tinyVit } from './tiny-vit.ts';
export { wrn } from './wrn.ts';
export { xception } from './xception.ts';
