/** @file The nets that a run trains one after another: assistants or generations, then the student. */
import { compose } from '../../zoo/index.ts';
import { init, type Net } from '../weights/index.ts';
import { loss } from './losses.ts';
import { type Recipe, stageRecipes } from './recipe.ts';

/** A net of the run and how it is trained; its teacher is the net before it. */
export interface Link {
  readonly net: Net;
  readonly stages: readonly { readonly name: string; readonly recipe: Recipe }[];
}

/** The assistants or the earlier generations of a recipe, then its student, each with its stages. */
export function linksOf(recipe: Recipe, student: Net): readonly Link[] {
  const link = (net: Net, of: Recipe, prefix = ''): Link => ({
    net,
    stages: stageRecipes(of).map(({ stage, ...rest }) => ({ name: `${prefix}${stage}`, recipe: rest })),
  });
  const { assistants = [], generations = 1, ...whole } = recipe;
  const plain = forOthers(whole);
  return [
    ...assistants.map((a, i) =>
      link(
        init(compose(a.student), { seed: recipe.seed }),
        { ...plain, student: a.student, steps: a.steps ?? recipe.steps },
        `assistant-${i + 1}-`,
      ),
    ),
    ...Array.from({ length: generations - 1 }, (_, i) => {
      const seed = recipe.seed + i + 1;
      const taught = i > 0 || recipe.teacher !== undefined || recipe.ensemble !== undefined;
      return link(
        init(student.graph, { seed }),
        {
          ...plain,
          seed,
          generations,
          ...(taught ? {} : { losses: [loss.parse({ kind: 'cross-entropy' })] }),
        },
        `generation-${i + 1}-`,
      );
    }),
    link(student, recipe),
  ];
}

/** What of a recipe other nets than its student are trained by: paths and growth are those of the student. */
function forOthers(whole: Recipe): Recipe {
  const { stages: _, grow: __, growth: ___, train: ____, freeze: _____, ...rest } = whole;
  const { layerDecay: ______, rates: _______, ...plain } = rest;
  return plain;
}
