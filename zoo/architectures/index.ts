/**
 * Every architecture, by name. A new one is added here; the tests find it by itself.
 *
 * @module moonlet/architectures
 */
import { type Architecture, catalogue, parseOptions } from '../../src/compose/index.ts';
import { suggestion, UsageError } from '../../src/errors.ts';
import type { Graph } from '../../src/graph/index.ts';
import { condensenet } from './condensenet.ts';
import { densenet121, densenetCifar } from './densenet.ts';
import { detector } from './detector.ts';
import {
  efficientnetB0,
  efficientnetLite0,
  efficientnetLite1,
  efficientnetLite2,
  efficientnetLite3,
  efficientnetLite4,
} from './efficientnet.ts';
import { fasternetT0 } from './fasternet.ts';
import { fitnet1, fitnet2, fitnet3, fitnet4 } from './fitnet.ts';
import { ghostnet } from './ghostnet.ts';
import { igcv1 } from './igcv1.ts';
import { igcv3 } from './igcv3.ts';
import { lcnet } from './lcnet.ts';
import { lenet5 } from './lenet-5.ts';
import { mnasnet } from './mnasnet.ts';
import { mobilenetV1 } from './mobilenet-v1.ts';
import { mobilenetV2 } from './mobilenet-v2.ts';
import { mobilenetV3Large, mobilenetV3Small } from './mobilenet-v3.ts';
import { mobilenetV4ConvSmall } from './mobilenet-v4.ts';
import { mobileoneS0, mobileoneS1 } from './mobileone.ts';
import { nin } from './nin.ts';
import { padNet } from './pad-net.ts';
import { parser } from './parser.ts';
import { regnetX200mf, regnetX400mf, regnetY200mf, regnetY400mf } from './regnet.ts';
import { repvggA0, repvggA1 } from './repvgg.ts';
import { resnet18, resnet34, resnet50 } from './resnet.ts';
import { resnetCifar } from './resnet-cifar.ts';
import { resnext50, resnextCifar } from './resnext.ts';
import { shiftnet } from './shiftnet.ts';
import { shufflenetV1 } from './shufflenet-v1.ts';
import { shufflenetV2 } from './shufflenet-v2.ts';
import { snn } from './snn.ts';
import { squeezenet } from './squeezenet.ts';
import { squeezenext } from './squeezenext.ts';
import { starnetS1, starnetS050 } from './starnet.ts';
import { wrn } from './wrn.ts';
import { xception } from './xception.ts';

export { detector, mobilenetV1, mobilenetV2, padNet, parser, resnet18, resnet34, resnet50, resnetCifar, wrn };

export const architectures: ReadonlyMap<string, Architecture> = catalogue([
  wrn,
  resnetCifar,
  resnet18,
  resnet34,
  resnet50,
  resnext50,
  resnextCifar,
  densenet121,
  densenetCifar,
  condensenet,
  xception,
  squeezenet,
  squeezenext,
  mobilenetV1,
  mobilenetV2,
  mobilenetV3Small,
  mobilenetV3Large,
  mobilenetV4ConvSmall,
  shufflenetV1,
  shufflenetV2,
  ghostnet,
  mnasnet,
  efficientnetB0,
  efficientnetLite0,
  efficientnetLite1,
  efficientnetLite2,
  efficientnetLite3,
  efficientnetLite4,
  lcnet,
  regnetX200mf,
  regnetX400mf,
  regnetY200mf,
  regnetY400mf,
  mobileoneS0,
  mobileoneS1,
  repvggA0,
  repvggA1,
  fasternetT0,
  starnetS050,
  starnetS1,
  nin,
  igcv1,
  igcv3,
  shiftnet,
  fitnet1,
  fitnet2,
  fitnet3,
  fitnet4,
  snn,
  lenet5,
]);

/** Those that do not tell classes of images apart, by name: they work on scenes, and have several outputs. */
export const sceneArchitectures: ReadonlyMap<string, Architecture> = catalogue([detector, padNet, parser]);

/**
 * The graph that words say: `['wrn', 'depth=40', 'width=2']`, or the same in one string.
 * @throws UsageError for an unknown name (with the nearest one) or bad options.
 */
export function compose(words: string | readonly string[]): Graph {
  const all = typeof words === 'string' ? [words] : words;
  const [name = '', ...options] = all.flatMap((word) => word.trim().split(/\s+/)); // a shell may have quoted them as one
  const found = architectures.get(name) ?? sceneArchitectures.get(name);
  if (found) return found(parseOptions(found, options));
  const names = [...architectures.keys(), ...sceneArchitectures.keys()];
  throw new UsageError(`no architecture "${name}".${suggestion(name, names)} Known: ${names.join(', ')}`);
}
