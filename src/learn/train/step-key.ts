/** @file All that a training step depends on, as a text. */
import { toJson } from '../../graph/index.ts';
import type { Loss } from '../loss/loss.ts';
import { descriptionOf } from '../own-function.ts';
import type { StepPlan } from './layout.ts';

/**
 * Equal for steps that compute the same. Undefined where a loss, an optimizer or a form takes part of which this is not known: those
 * of users, and those of Moonlet whose functions are not `described`.
 */
export function stepKey(plan: StepPlan): string | undefined {
  const { graph, losses, optimizer, batch, targets, teacher, averaged = false, form } = plan;
  const functions = [optimizer.update, ...losses.map((l) => l.compute)].map(descriptionOf);
  if (form || functions.includes(undefined)) return undefined;
  const { trained = () => true, scale = () => 1 } = plan;
  return JSON.stringify([
    toJson(graph),
    functions,
    losses.map(fieldsOf),
    [optimizer.slots, Object.keys(optimizer.numbers(1))],
    [batch, targets, averaged, [...(teacher ?? [])]],
    graph.nodes.map(({ id }) => [trained(id), scale(id)]),
    [[...(plan.fresh ?? [])], plan.warmups],
  ]);
}

/** The fields of a loss that its part of a step depends on. Weights and settings are inputs of the step. */
const fieldsOf = (l: Loss): unknown => [
  ...[l.name, l.student, l.teacher, l.targets, Object.keys(l.settings ?? {})],
  ...[l.draws, l.picks, l.readsExamples, l.variables],
];
