/** @file From pictures to the input of a net: what its card says, or what is usual. */
import type { Preparation } from '../../data/images/index.ts';
import { type Graph, graphs } from '../../index.ts';

/** What the fields of the page say. */
export interface How {
  readonly mean: string;
  readonly std: string;
  readonly crop: string;
}

/** What nets are usually trained with. */
export const presets: readonly (readonly [name: string, how: How])[] = [
  ['ImageNet', { mean: '0.485, 0.456, 0.406', std: '0.229, 0.224, 0.225', crop: '0.875' }],
  ['from -1 to 1', { mean: '0.5', std: '0.5', crop: '0.875' }],
  ['from 0 to 1', { mean: '0', std: '1', crop: '1' }],
  ['MNIST', { mean: '0.13066', std: '0.30811', crop: '1' }],
  ['Fashion-MNIST', { mean: '0.28619', std: '0.35308', crop: '1' }],
];
const preset = (name: string): How =>
  presets.find(([known]) => known === name)?.[1] ?? { mean: '0', std: '1', crop: '1' };

/** By the card; else as MNIST for grey images of 28 x 28, and as ImageNet for colours. */
export function usualHow(
  graph: Graph,
  card?: { readonly preprocessing?: { readonly mean?: unknown; readonly std?: unknown } },
): How {
  const { mean, std } = card?.preprocessing ?? {};
  if (mean !== undefined && std !== undefined)
    return { mean: [mean].flat().join(', '), std: [std].flat().join(', '), crop: '1' };
  const [height, width, channels] = graphs.inputShape(graph);
  if (channels === 3) return preset('ImageNet');
  return preset(height === 28 && width === 28 ? 'MNIST' : 'from 0 to 1');
}

const numbers = (text: string): readonly number[] =>
  text
    .split(/[\s,]+/)
    .filter(Boolean)
    .map(Number);

/** @throws Error when the net takes no pictures, or the fields are no numbers. */
export function preparationOf(graph: Graph, how: How): Preparation {
  const [height, width, channels] = graphs.inputShape(graph);
  if (height === undefined || width === undefined || (channels !== 1 && channels !== 3))
    throw new Error(
      `the net takes inputs of [${graphs.inputShape(graph).join(', ')}], which are no pictures of one or three channels`,
    );
  const spread = (text: string): readonly number[] => {
    const list = numbers(text);
    return list.length === 1 ? Array.from({ length: channels }, () => list[0] ?? 0) : list;
  };
  const [mean, std, [crop = 1]] = [spread(how.mean), spread(how.std), numbers(how.crop)];
  if ([...mean, ...std, crop].some((n) => !Number.isFinite(n)))
    throw new Error('mean, deviation and crop must be numbers, such as 0.485, 0.456, 0.406');
  return { size: [height, width], mean, std, crop, interpolation: 'bilinear' };
}
