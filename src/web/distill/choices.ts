/** @file Students and methods of the page, with their names and costs: what the settings show before anything is trained. */
import { cost } from '../../read/cost.ts';
import { methodNames } from '../work/method-names.ts';
import { students } from '../work/students.ts';

export const choices = students.map(({ id, name, make }) => {
  const { params, macs } = cost(make());
  return { id, name, params, macs };
});
export const methodChoices = methodNames;
