/**
 * @file Several nets as one net, whose logits are the mean of theirs. The softmax of mean logits is the normalized
 * geometric mean of the members' softmaxes (Hinton et al. 2015, arXiv:1503.02531, section 2, names both means).
 */

import { get, item } from '../access.ts';
import { Refusal, UsageError } from '../errors.ts';
import { check, type Graph, type Node, printShape, type Shape, shapes } from '../graph/index.ts';
import { logitsAt } from '../read/index.ts';
import { float, type Net, net, type Weight, type WeightKey } from '../weights/index.ts';
import { checkNet, checkValue, shown, text } from './options.ts';

/**
 * One net of several: the members have the paths `member1/`, `member2/`, ... and read one input; the output is the mean of
 * their logits, a vector [classes]. Of a member that ends in softmax the logits before it count.
 * @throws UsageError for fewer than two nets; Refusal when inputs or outputs differ, or a member has several; MoonletError
 * for a member without logits.
 * @example
 * import { ensemble, init } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * const members = [1, 2].map((seed) => init(wrn({ depth: 10, size: 16 }), { seed }));
 * console.log(ensemble(members).graph.outputs); // [ 'mean/dense' ]
 */
export function ensemble(members: readonly Net[], name = 'ensemble'): Net {
  const count = Array.isArray(members) ? members.length : shown(members);
  if (!Array.isArray(members) || members.length < 2)
    throw new UsageError(`ensemble: the first argument must be an array of at least two nets, got ${count}`);
  for (const member of members) checkNet('ensemble', member);
  checkValue('ensemble', 'the name', name, text);
  const ends = members.map(endsOf);
  const { input, output: out } = item(ends, 0);
  for (const [i, { input: theirs, output: made }] of ends.entries()) {
    if (
      printShape(theirs.shape) !== printShape(input.shape) ||
      printShape(made.shape) !== printShape(out.shape)
    )
      throw new Refusal(
        `ensemble: member ${i + 1} maps ${printShape(theirs.shape)} to ${printShape(made.shape)}, the first ${printShape(input.shape)} to ${printShape(out.shape)}`,
      );
  }
  const weights = new Map<WeightKey, Weight>();
  const nodes: Node[] = [{ id: 'input', op: { kind: 'input', shape: input.shape }, inputs: [] }];
  for (const [i, { member, input }] of ends.entries()) {
    const path = (id: string): string => (id === input.id ? 'input' : `member${i + 1}/${id}`);
    for (const { weightsOf, ...n } of member.graph.nodes) {
      if (n.op.kind === 'input') continue;
      const shared = weightsOf === undefined ? {} : { weightsOf: path(weightsOf) };
      nodes.push({ ...n, id: path(n.id), inputs: n.inputs.map(path), ...shared });
    }
    for (const [key, w] of member.weights) weights.set(`member${i + 1}/${key}`, w);
  }
  const [classes] = out.shape;
  nodes.push({
    id: 'mean/add',
    op: { kind: 'add' },
    inputs: ends.map(({ output }, i) => `member${i + 1}/${output.id}`),
  });
  nodes.push({ id: 'mean/dense', op: { kind: 'dense', out: classes, bias: false }, inputs: ['mean/add'] });
  const share = Float32Array.from({ length: classes * classes }, (_, k) =>
    k % (classes + 1) === 0 ? 1 / members.length : 0,
  );
  weights.set('mean/dense:kernel', float([classes, classes], share));
  return net(check({ name, nodes, outputs: ['mean/dense'] }), weights);
}

/** A member, its only input, and its logits. */
interface Ends {
  readonly member: Net;
  readonly input: { readonly id: string; readonly shape: Shape };
  readonly output: { readonly id: string; readonly shape: readonly [classes: number] };
}
/** @throws Refusal for a net that is no classifier; MoonletError for one without logits. */
function endsOf(member: Net): Ends {
  const { graph } = member;
  const inputs = graph.nodes.filter((n) => n.op.kind === 'input');
  const [id = ''] = graph.outputs;
  const shapeById = shapes(graph);
  const shape = shapeById.get(id);
  const [input] = inputs;
  if (!input || inputs.length !== 1 || graph.outputs.length !== 1 || shape?.length !== 1)
    throw new Refusal(`ensemble: ${graph.name} is no classifier with one input and one vector of logits`);
  return {
    member,
    input: { id: input.id, shape: get(shapeById, input.id) },
    output: { id: logitsAt(graph, id), shape },
  };
}

/** Whether a graph ends as `ensemble` ends it. */
export const isEnsemble = ({ nodes, outputs }: Graph): boolean =>
  outputs.length === 1 &&
  outputs[0] === 'mean/dense' &&
  nodes.some(({ id, inputs }) => id === 'mean/add' && inputs.every((from) => /^member\d+\//.test(from)));
