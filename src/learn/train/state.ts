/** @file A run's state as arrays: from a net, and back to one. */
import type { Graph } from '../../graph/index.ts';
import type { Arrays, Specs } from '../../jit/index.ts';
import { entries, float, materialize, type Net, type Weights } from '../../weights/index.ts';
import { floatsAt, isWeightKey } from '../tensors.ts';
import type { Form } from './weight-form.ts';

/** Where a weight or a number of a form stands in a state; its average has a place of its own. */
const placeOf = (name: string): string => (name.startsWith('form/') ? name : `weight/${name}`);
export const averagePlace = (name: string): string => `average/${name}`;

/**
 * A net's first state: its weights, a form's own numbers, both as averages too, the variables of losses, and zeros for what the
 * optimizer keeps.
 */
export function firstState(
  { weights }: Net,
  specs: Specs,
  form?: Form,
  variables: ReadonlyMap<string, Float32Array> = new Map(),
): Arrays {
  const valueAt = (place: string) => {
    const at = place.indexOf('/');
    const [room, name] = [place.slice(0, at), place.slice(at + 1)];
    if (room === 'form') return form?.parameters?.get(name);
    return room === 'weight' && isWeightKey(name) ? weights.get(name) : undefined;
  };
  const average = averagePlace('');
  return Object.fromEntries(
    Object.entries(specs).map(([key, { shape }]) => {
      const variable = variables.get(key);
      if (variable) return [key, variable];
      const weight = valueAt(key.startsWith(average) ? placeOf(key.slice(average.length)) : key);
      return [
        key,
        weight ? Float32Array.from(materialize(weight)) : new Float32Array(shape.reduce((n, d) => n * d, 1)),
      ];
    }),
  );
}

/** The floats of a weight or a number of a form: those that were trained, or their average where there is one. */
function valuesOf(state: Arrays, name: string, averaged: boolean): Float32Array {
  const average = averagePlace(name);
  return floatsAt(state, averaged && average in state ? average : placeOf(name));
}

/** A form's own numbers in a state. */
export const parametersIn = (
  form: Form,
  state: Arrays,
  averaged = false,
): ReadonlyMap<string, Float32Array> =>
  new Map(
    [...(form.parameters?.keys() ?? [])].map((name) => [name, valuesOf(state, `form/${name}`, averaged)]),
  );

/** The weights in a state: those that were trained, or their averages. */
export function weightsIn(graph: Graph, state: Arrays, averaged = false): Weights {
  return new Map(entries(graph).map(({ key, shape }) => [key, float(shape, valuesOf(state, key, averaged))]));
}
