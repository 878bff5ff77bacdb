/**
 * @file `moonlet/run` in browsers: recipes as text and as values, and the options of `fit` that they stand for. Reading files and
 * running whole recipes needs Node.
 */
export { fitOptions, optimizerOf, usualLosses } from './fit-options.ts';
export { type CustomLoss, type LossContext, type LossRecipe, lossKinds } from './losses.ts';
export {
  type Locate,
  parseRecipe,
  type Recipe,
  type RecipeInput,
  stageRecipes,
  type Transfer,
} from './recipe.ts';
export { detectionLosses } from './scene-losses.ts';
export {
  parseSceneRecipe,
  type SceneRecipe,
  type SceneRecipeInput,
  type SceneRecipeOf,
  withoutTeacher,
} from './scene-recipe.ts';
