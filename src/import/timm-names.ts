/** @file timm's names for the architectures, and timm's configuration of each (timm-defaults.ts). */
import { defined } from '../access.ts';
import type { Graph } from '../graph/index.ts';
import { archOf } from './names/index.ts';
import { timm } from './names/timm.ts';
import { type TimmDefault, timmDefaults } from './timm-defaults.ts';

const stems: Readonly<Record<string, string>> = {
  'mobilenet-v1': 'mobilenetv1',
  'mobilenet-v2': 'mobilenetv2',
  'mobilenet-v3-small': 'mobilenetv3_small',
  'mobilenet-v3-large': 'mobilenetv3_large',
  'mobilenet-v4-conv-small': 'mobilenetv4_conv_small',
  mnasnet: 'mnasnet',
  lcnet: 'lcnet',
  ghostnet: 'ghostnet',
  'regnet-x-200mf': 'regnetx_002',
  'regnet-x-400mf': 'regnetx_004',
  'regnet-y-200mf': 'regnety_002',
  'regnet-y-400mf': 'regnety_004',
  'densenet-121': 'densenet121',
  xception: 'legacy_xception',
  'resnet-18': 'resnet18',
  'resnet-34': 'resnet34',
  'resnet-50': 'resnet50',
  'resnext-50': 'resnext50_32x4d',
};

export interface NamedDefault {
  /** 'resnet18', or 'resnet18.tv_in1k' where single weights have their own. */
  readonly name: string;
  readonly values: TimmDefault;
}

const modelStem = (arch: string, ported: boolean): string =>
  `${ported ? 'tf_' : ''}${stems[arch] ?? arch.replaceAll('-', '_')}`;
const hundredths = (name: string): number => Math.round(100 * Number(/ width=([\d.]+)/.exec(name)?.[1] ?? 1));
const withWidth = (stem: string, width: number): string => `${stem}_${String(width).padStart(3, '0')}`;

/**
 * The name under which `timm.create_model` makes the net of a graph: 'mobilenetv2_100'. Undefined where timm has no model of
 * its options, such as a width that is not among its own, or a form for deployment.
 */
export function timmNameOf({ name }: Graph, ported: boolean): string | undefined {
  const options = name
    .replace(/ as [\w-]+$/, '')
    .split(' ')
    .slice(1);
  if (options.some((o) => !/^(?:width|size|classes|channels)=/.test(o))) return undefined;
  const [stem, width] = [modelStem(name.replace(/ .*$/s, ''), ported), hundredths(name)];
  const names = width === 100 ? [stem, withWidth(stem, 100)] : [withWidth(stem, width)];
  return names.find((model) => Object.hasOwn(timmDefaults, model));
}

/** The configuration of the model that the graph is; of weights with their own, where the path names them. */
export function timmDefaultOf(graph: Graph, ported: boolean, path: string): NamedDefault {
  const stem = modelStem(archOf(graph), ported);
  const name = [withWidth(stem, hundredths(graph.name)), stem, `${stem}_100`].find((key) =>
    Object.hasOwn(timmDefaults, key),
  );
  if (name === undefined) throw new Error(`${graph.name}: timm's configuration is not in the table`);
  const tagged = Object.keys(timmDefaults)
    .filter((key) => key.startsWith(`${name}.`) && path.includes(key))
    .sort((a, b) => b.length - a.length);
  const own = tagged.find((key) => !/^\w/.test(path.slice(path.lastIndexOf(key) + key.length))) ?? name;
  return { name: own, values: defined(timmDefaults[own], own) };
}

export interface TimmModel {
  /** Our architecture with its width, as `compose` reads it: 'mobilenet-v3-small width=0.5'. */
  readonly words: string;
  /** Whether it is one of timm's ports from TensorFlow (`tf_...`). */
  readonly ported: boolean;
}

/** Our architecture of one of timm's models, by its name without a tag; undefined where we have none. */
export function timmModelOf(name: string): TimmModel | undefined {
  if (!Object.hasOwn(timmDefaults, name) || name.includes('.')) return undefined;
  const ported = name.startsWith('tf_');
  const bare = name.replace(/^tf_/, '');
  const named = (stem: string): string | undefined =>
    Object.keys(timm).find((arch) => (stems[arch] ?? arch.replaceAll('-', '_')) === stem);
  const whole = named(bare);
  if (whole !== undefined) return { words: whole, ported };
  const [, stem = '', hundredths = ''] = /^(.+)_(\d{3})$/.exec(bare) ?? [];
  const arch = named(stem);
  if (arch === undefined) return undefined;
  return { words: hundredths === '100' ? arch : `${arch} width=${Number(hundredths) / 100}`, ported };
}

/** The names of timm's models that we have. */
export const timmModels = (): readonly string[] =>
  Object.keys(timmDefaults).filter((name) => timmModelOf(name) !== undefined);
