/** @file Names that several of timm's families share. */
import { pair } from './scheme.ts';

/** Squeeze and excite of the efficientnets and their kin. */
export const squeeze = {
  'attention/squeeze/dense': 'se.conv_reduce',
  'attention/excite/dense': 'se.conv_expand',
};
/** Squeeze and excite elsewhere. */
export const fullyConnected = { 'attention/squeeze/dense': 'se.fc1', 'attention/excite/dense': 'se.fc2' };
export const squeezed = Object.keys(squeeze);
export const stem = pair('stem', 'conv_stem', 'bn1');
/** A conv after the pool. */
export const features = { 'head/features/dense': 'conv_head', 'head/dense': 'classifier' };
