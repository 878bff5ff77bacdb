/** @file Students of the page, with their names and costs: what the settings show before anything is trained. */
import { cost } from '../../read/cost.ts';
import { students } from '../work/students.ts';

export const choices = students.map(({ id, name, make }) => {
  const { params, macs } = cost(make());
  return { id, name, params, macs };
});
