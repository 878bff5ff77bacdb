/** @file `moonlet/zoo`: architectures by name, trained students with their teachers. */
export {
  architectures,
  compose,
  mobilenetV1,
  mobilenetV2,
  resnet18,
  resnet34,
  resnet50,
  resnetCifar,
  wrn,
} from './architectures/index.ts';
export { type Card, loadStudent, readCard, studentNames } from './students.ts';
