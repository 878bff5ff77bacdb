/** @file What the nets of MobileNetV4 have beside their tables: stem, head and options. */
import {
  common,
  convNormAct,
  dropoutOption,
  dropPathOption,
  type Flow,
  image,
  round8,
  type Sides,
  stagesOf,
  widthOption,
} from '../../src/compose/index.ts';

/** The options of each net. */
export const optionsOf = <const Size extends number>(size: Size) => ({
  width: widthOption(),
  dropout: dropoutOption({ default: 0.2 }),
  dropPath: dropPathOption,
  ...common({ classes: 1000, size }),
});
/** What a net has beside its table: the channels of its stem, its activation, and where scales of branches begin. */
interface Form extends Readonly<Record<Exclude<keyof ReturnType<typeof optionsOf>, 'size'>, number>> {
  readonly size: number | Sides;
  readonly first: number;
  readonly act?: 'relu' | 'gelu';
  readonly layerScale?: number;
}
export const netOf = (stages: readonly (readonly string[])[], o: Form): Flow<'vec'> => {
  const { width, dropout, dropPath, classes, size, channels, first, act = 'relu', layerScale } = o;
  const round = (c: number): number => round8(c * width);
  const stem = convNormAct(width < 1 ? first : round(first), { kernel: 3, stride: 2, act });
  const scale = layerScale === undefined ? {} : { layerScale };
  const body = stagesOf(stages, { act, round, dropPath, ...scale });
  return body(image(size, channels).pipe('stem', stem)).pipe('head', (x) =>
    x
      .pipe('mix', convNormAct(round(960), { act }))
      .globalPool()
      .pipe('features', (y) => y.dense(1280, { bias: false }).norm().act(act))
      .dropout(dropout)
      .dense(classes),
  );
};

export const paper = {
  title: 'MobileNetV4: Universal Models for the Mobile Ecosystem',
  authors: 'Qin et al.',
  year: 2024,
  arxiv: '2404.10518',
};
