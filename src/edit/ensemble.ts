/**
 * @file Several nets as one: their logits' mean. The softmax of mean logits is the geometric mean of the members' softmaxes,
 * normalized (Hinton et al. 2015, arXiv:1503.02531, section 2, names both means).
 */
import { Refusal, UsageError } from '../errors.ts';
import { check, type Node, printShape, type Shape, shapes } from '../graph/index.ts';
import { logitsAt } from '../read/index.ts';
import { float, type Net, net, type Weight, type WeightKey } from '../weights/index.ts';
import { checkNet, checkValue, shown, text } from './options.ts';

/**
 * The members stand under `member1/`, `member2/`, ... on one input; the output is the mean of theirs.
 * A member that ends in softmax counts by the logits before it.
 * @throws Refusal when inputs or outputs differ, or a member has several; MoonletError for one without logits.
 */
export function ensemble(members: readonly Net[], name = 'ensemble'): Net {
  const count = Array.isArray(members) ? members.length : shown(members);
  if (!Array.isArray(members) || members.length < 2)
    throw new UsageError(`ensemble: the first argument must be an array of two nets at least, got ${count}`);
  for (const member of members) checkNet('ensemble', member);
  checkValue('ensemble', 'the name', name, text);
  const ends = members.map(endsOf);
  const [[input, out]] = ends as [(typeof ends)[number]];
  for (const [i, [theirs, made]] of ends.entries()) {
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
  members.forEach((member, i) => {
    const of = (id: string): string => (id === ends[i]?.[0].id ? 'input' : `member${i + 1}/${id}`);
    for (const { weightsOf, ...n } of member.graph.nodes) {
      if (n.op.kind === 'input') continue;
      const shared = weightsOf === undefined ? {} : { weightsOf: of(weightsOf) };
      nodes.push({ ...n, id: of(n.id), inputs: n.inputs.map(of), ...shared });
    }
    for (const [key, w] of member.weights) weights.set(`member${i + 1}/${key}` as WeightKey, w);
  });
  const [classes] = out.shape as readonly [number];
  nodes.push({
    id: 'mean/add',
    op: { kind: 'add' },
    inputs: ends.map(([, o], i) => `member${i + 1}/${o.id}`),
  });
  nodes.push({ id: 'mean/dense', op: { kind: 'dense', out: classes, bias: false }, inputs: ['mean/add'] });
  const share = Float32Array.from({ length: classes * classes }, (_, k) =>
    k % (classes + 1) === 0 ? 1 / members.length : 0,
  );
  weights.set('mean/dense:kernel', float([classes, classes], share));
  return net(check({ name, nodes, outputs: ['mean/dense'] }), weights);
}

interface End {
  readonly id: string;
  readonly shape: Shape;
}
function endsOf({ graph }: Net): readonly [input: End, output: End] {
  const inputs = graph.nodes.filter((n) => n.op.kind === 'input');
  const [id = ''] = graph.outputs;
  const shapeById = shapes(graph);
  const shape = shapeById.get(id);
  if (inputs.length !== 1 || graph.outputs.length !== 1 || shape?.length !== 1)
    throw new Refusal(`ensemble: ${graph.name} is no classifier of one input and one vector of logits`);
  const input = inputs[0] as Node;
  return [
    { id: input.id, shape: shapeById.get(input.id) as Shape },
    { id: logitsAt(graph, id), shape },
  ];
}
