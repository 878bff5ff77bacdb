/**
 * @file Is a grown net what its maps say? A checker that shares no code with the edits (but for the graph's shapes and
 * windows): it reads two graphs, two sets of weights and the maps, and verifies every op by its own rule.
 *
 * A value of the new net is sound when it has the channels of an old value, new[..., j] = old[..., map[j]], and new ones
 * (-1) that no old output weighs; or when it is known to be zero. Old nodes must read what they read, and be sound under
 * their own name (`kept.ts`). New nodes must be proved to pass a sound value on, such as a permute, a sum with zeros, a
 * dirac conv, a second relu (`added.ts`). Inputs and outputs must have the identity. Each rule shows that sound inputs make
 * a sound value; together they prove the whole net, up to rounding.
 */
import { type Graph, type Node, type Op, type Shape, shapes } from '../../graph/index.ts';
import type { Net } from '../../weights/index.ts';
import { passedOn, type Sound } from './added.ts';
import { checkKept, range } from './kept.ts';
import { equal } from './layer.ts';

type Maps = ReadonlyMap<string, ArrayLike<number>>;
/** What is wrong, as `node: reason`; empty when the certificate holds. */
export type Findings = readonly string[];

/**
 * Verify that a grown net computes what the old one does, from the maps of the growth (`Growth.maps`): for each value of the
 * old net, the old channel that each new one copies, -1 for none. `tolerance` is relative to the largest weight of a layer.
 * It does not throw for a wrong net: what is wrong comes back as findings, in the order of the nodes.
 * @throws ShapeError when one of the graphs is not a graph whose shapes fit.
 * @example
 * import { init, verifyCertificate, widen } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * const net = init(wrn({ depth: 10, size: 16 }));
 * const wide = widen(net, { stage1: 'x1.5' });
 * console.log(verifyCertificate(net, wide.net, wide.maps)); // []
 */
export function verifyCertificate(old: Net, now: Net, maps: Maps, tolerance = 1e-5): Findings {
  const findings: string[] = [];
  const oldNodes = new Map(old.graph.nodes.map((n) => [n.id, n]));
  const [oldShapes, nowShapes] = [shapes(old.graph), shapes(now.graph)];
  const sound = new Map<string, Sound | undefined>();
  for (const node of now.graph.nodes) {
    const report = (finding: string): void => void findings.push(`${node.id}: ${finding}`);
    const was = oldNodes.get(node.id);
    const ins = node.inputs.map((id) => sound.get(id));
    const claimed = maps.get(node.id);
    const map = claimed && Array.from(claimed);
    if (!was) {
      const widths = node.inputs.map((id) => nowShapes.get(id)?.at(-1) ?? 0);
      const value = passedOn(old.graph, node, ins, now, widths);
      if (map && value && value !== 'zero' && !equal(map, value.map)) report('its map is not what it makes');
      sound.set(node.id, value);
      continue;
    }
    sound.set(node.id, map && { as: node.id, map });
    const finding = wiring(was, node, ins, map?.length, nowShapes.get(node.id)?.at(-1));
    if (finding) report(finding);
    if (finding || !map) continue;
    const oldIn = was.inputs.flatMap((id) => {
      const shape = oldShapes.get(id);
      return shape ? [shape] : [];
    });
    const read = ins.map((s) => (s && s !== 'zero' ? s.map : []));
    checkKept(was, node, read, map, oldIn, { old, now, report, tolerance });
  }
  return [...findings, ...outputFindings(old.graph, now.graph, oldShapes, sound)];
}

/** What is wrong with a node but for its channels and weights: its map's length, its kind, what it reads, its options. */
function wiring(
  was: Node,
  node: Node,
  ins: readonly (Sound | undefined)[],
  mapped: number | undefined,
  channels: number | undefined,
): string | undefined {
  const reads = ins.map((s) => (s === undefined ? 'a new value' : s === 'zero' ? 'zeros' : s.as));
  if (mapped === undefined) return 'it has no map';
  if (mapped !== channels) return `its map has ${mapped} entries for ${channels} channels`;
  if (was.op.kind !== node.op.kind && !(was.op.kind === 'shuffle' && node.op.kind === 'permute'))
    return `it was a ${was.op.kind} and is a ${node.op.kind}`;
  if (!equal(reads, was.inputs)) return `it reads ${reads.join(', ') || 'nothing'}`;
  if (was.weightsOf !== node.weightsOf) return 'it shares the weights of another node';
  return sameOptions(was.op, node.op) ? undefined : 'its options have changed';
}

/** Options that growth leaves alone: all but widths, groups, orders and bounds, a kernel with its padding, and heads with their scale. */
function sameOptions(was: Op, now: Op): boolean {
  const heads = now.kind === 'attention' ? ['heads', 'scale', 'eps'] : [];
  const free = ['out', 'groups', 'order', 'from', 'to', 'kernel', 'padding', 'shape', 'kind', ...heads];
  const rest = (op: Op): string =>
    JSON.stringify(
      Object.entries(op).filter(([key]) => !free.includes(key) || (key === 'kernel' && now.kind === 'shift')),
    );
  return rest(was) === rest(now) || was.kind === 'shuffle';
}

/** Outputs must be those of before, channel by channel. */
function outputFindings(
  old: Graph,
  now: Graph,
  oldShapes: ReadonlyMap<string, Shape>,
  sound: ReadonlyMap<string, Sound | undefined>,
): Findings {
  const findings = now.outputs.flatMap((id, i) => {
    const wanted = old.outputs[i] ?? '';
    const value = sound.get(id);
    const channels = range(oldShapes.get(wanted)?.at(-1) ?? 0);
    const kept = value && value !== 'zero' && value.as === wanted && equal(value.map, channels);
    return kept ? [] : [`${id}: it is an output, and its channels have changed`];
  });
  return now.outputs.length === old.outputs.length
    ? findings
    : [...findings, `there are ${now.outputs.length} outputs, and there were ${old.outputs.length}`];
}
