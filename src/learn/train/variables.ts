/** @file The variables of losses: their places in a run's state, and their first values. */
import type { Loss, Variable } from '../loss/loss.ts';

/** Where a variable of a loss stands in a state. */
export const variablePlace = (loss: string, name: string): string => `variable/${loss}/${name}`;

export interface PlacedVariable extends Omit<Variable, 'initial'> {
  /** Its place in the state. */
  readonly name: string;
}
/** All variables of the losses, by their places. */
export const variablesOf = (losses: readonly Loss[]): readonly PlacedVariable[] =>
  losses.flatMap((l) =>
    Object.entries(l.variables ?? {}).map(([name, { shape, trained }]) => ({
      name: variablePlace(l.name, name),
      shape,
      trained,
    })),
  );

/** The first values of all variables, by their places. */
export const firstVariables = (losses: readonly Loss[], seed: number): ReadonlyMap<string, Float32Array> =>
  new Map(
    losses.flatMap((l) =>
      Object.entries(l.variables ?? {}).map(
        ([name, variable]) => [variablePlace(l.name, name), variable.initial(seed)] as const,
      ),
    ),
  );
