/**
 * @file Is a widened net what its maps say? A checker that shares no code with the edit (but for the graph's shapes): it
 * reads two graphs, two sets of weights and the maps, and verifies every op by its own rule. `map[j]` is the old channel that channel j copies.
 *
 * A value is sound when new(x)[..., j] = old(x)[..., map[j]]. Inputs and outputs must have the identity. Each rule shows
 * that sound inputs make a sound value; together they prove the whole net, up to rounding.
 */
import { type Node, shapes } from '../graph/index.ts';
import type { Net, WeightKey } from '../weights/index.ts';

type Maps = ReadonlyMap<string, ArrayLike<number>>;
/** What is wrong, node by node; empty when the certificate holds. */
export type Findings = readonly string[];

/** Verify a widened net against the old one. `tolerance` is relative to the largest weight of a layer. */
export function verifyCertificate(old: Net, now: Net, maps: Maps, tolerance = 1e-5): Findings {
  const findings: string[] = [];
  const oldNodes = new Map(old.graph.nodes.map((n) => [n.id, n]));
  const shape = shapes(old.graph);
  const channelsOf = (id: string): number => shape.get(id)?.at(-1) ?? 0;
  const map = (id: string): ArrayLike<number> => maps.get(id) ?? [];
  for (const node of now.graph.nodes) {
    const say = (what: string): void => void findings.push(`${node.id}: ${what}`);
    if (!maps.has(node.id)) {
      say('it has no map');
      continue;
    }
    const was = oldNodes.get(node.id);
    const ins = node.inputs.map(map);
    if (!was) {
      if (node.op.kind !== 'permute') say(`it is new, and no permute but a ${node.op.kind}`);
      else if (
        !equal(
          map(node.id),
          node.op.order.map((i) => ins[0]?.[i] as number),
        )
      )
        say('its order does not make its map');
      continue;
    }
    if (was.op.kind !== node.op.kind && !(was.op.kind === 'shuffle' && node.op.kind === 'permute')) {
      say(`it was a ${was.op.kind} and is a ${node.op.kind}`);
      continue;
    }
    checkNode(was, node, ins, map(node.id), was.inputs.map(channelsOf), { old, now, say, tolerance });
  }
  for (const [i, id] of now.graph.outputs.entries()) {
    const n = channelsOf(old.graph.outputs[i] as string);
    if (!equal(map(id), range(n)))
      findings.push(`${id}: it is an output, and its channels are not those of before`);
  }
  return findings;
}

interface Case {
  readonly old: Net;
  readonly now: Net;
  readonly tolerance: number;
  say(what: string): void;
}
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const equal = (a: ArrayLike<number>, b: ArrayLike<number>): boolean =>
  a.length === b.length && Array.from(a).every((v, i) => v === b[i]);

/** The rule of one op: sound inputs, and what the op and its weights must be for a sound value. */
function checkNode(
  was: Node,
  node: Node,
  ins: ArrayLike<number>[],
  out: ArrayLike<number>,
  oldIn: readonly number[],
  at: Case,
): void {
  const x = ins[0] as ArrayLike<number>;
  const c = oldIn[0] ?? 0;
  const must = (holds: boolean, what: string): void => {
    if (!holds) at.say(what);
  };
  switch (node.op.kind) {
    case 'input':
      return must(equal(out, range(out.length)), 'it is an input, and its channels are not those of before');
    case 'conv':
    case 'dense':
      return checkLayer(was, node, x, out, c, at);
    case 'norm':
      must(equal(out, x), 'a norm passes channels on as they are');
      for (const slot of ['gamma', 'beta', 'mean', 'variance'] as const)
        checkVector(was, node, slot, out, at);
      return;
    case 'add':
    case 'mul':
      return must(
        ins.every((m) => equal(m, out)),
        'its operands do not bring the same channels',
      );
    case 'concat': {
      let offset = 0;
      const joined = ins.flatMap((m, i) => {
        const part = Array.from(m, (v) => v + offset);
        offset += oldIn[i] ?? 0;
        return part;
      });
      return must(equal(out, joined), 'its channels are not those of its inputs, one after another');
    }
    case 'slice': {
      const from = was.op.kind === 'slice' ? was.op.from : 0;
      const part = Array.from(x).slice(node.op.from, node.op.to);
      return must(
        equal(
          out,
          part.map((v) => v - from),
        ),
        'it does not cut where the old one did',
      );
    }
    case 'shuffle':
    case 'permute': {
      // where each old output channel came from, and where each new one comes from
      const oldFrom =
        was.op.kind === 'permute'
          ? was.op.order
          : shuffleOrder(c, was.op.kind === 'shuffle' ? was.op.groups : 1);
      const nowFrom = node.op.kind === 'permute' ? node.op.order : shuffleOrder(x.length, node.op.groups);
      return must(
        nowFrom.length === out.length && nowFrom.every((i, j) => x[i] === oldFrom[out[j] as number]),
        'it moves channels elsewhere than the old one did',
      );
    }
    case 'flatten':
      return must(
        Array.from(out).every((v, i) => v === Math.floor(i / x.length) * c + (x[i % x.length] as number)),
        'its vector does not lie place by place, channels fastest',
      );
    case 'maxout': {
      const k = node.op.pieces;
      const whole = Array.from(x).every((v, i) => v === (out[Math.floor(i / k)] as number) * k + (i % k));
      return must(whole && x.length === out.length * k, 'its pieces are not those of the old units');
    }
    case 'shift': {
      const k = node.op.kernel;
      must(equal(out, x), 'a shift passes channels on as they are');
      return must(
        Array.from(x).every((v, i) => offsetOf(i, x.length, k) === offsetOf(v, c, k)),
        'a channel moves by another offset than its original',
      );
    }
    case 'act':
      if (node.op.fn === 'softmax') must(equal(x, range(c)), 'a softmax must see each channel once');
      return must(equal(out, x), 'an activation passes channels on as they are');
    default:
      return must(equal(out, x), `a ${node.op.kind} passes channels on as they are`);
  }
}

const shuffleOrder = (c: number, g: number): number[] => {
  const order: number[] = [];
  for (let i = 0; i < c / g; i++) for (let group = 0; group < g; group++) order.push(group * (c / g) + i);
  return order;
};
const offsetOf = (channel: number, c: number, kernel: number): number => {
  const each = Math.floor(c / (kernel * kernel));
  const middle = (kernel * kernel - 1) / 2;
  return each === 0 ? middle : channel < each * kernel * kernel ? Math.floor(channel / each) : middle;
};

function checkVector(
  was: Node,
  node: Node,
  slot: string,
  out: ArrayLike<number>,
  { old, now, say }: Case,
): void {
  const [a, b] = [at(old, was, slot), at(now, node, slot)];
  if (
    a &&
    b &&
    !equal(
      b,
      Array.from(out, (from) => a[from] as number),
    )
  )
    say(`its ${slot} is not that of the channels it copies`);
}
const at = (net: Net, node: Node, slot: string): Float32Array | undefined =>
  net.weights.get(`${node.weightsOf ?? node.id}:${slot}` as WeightKey)?.data;

/**
 * A conv or dense layer: for each new output j and each old input channel k that its group read, the new weights of the
 * copies of k must sum to the old weight; copies of channels that the old output did not read must not be there.
 */
function checkLayer(
  was: Node,
  node: Node,
  x: ArrayLike<number>,
  out: ArrayLike<number>,
  c: number,
  test: Case,
): void {
  const [a, b] = [at(test.old, was, 'kernel'), at(test.now, node, 'kernel')];
  if (!a || !b) return test.say('its kernel is missing');
  checkVector(was, node, 'bias', out, test);
  const [gOld, gNow] = [was, node].map((n) => (n.op.kind === 'conv' ? n.op.groups : 1)) as [number, number];
  const oldOut = 'out' in was.op ? was.op.out : 0;
  const [readOld, readNow] = [c / gOld, x.length / gNow];
  const places = a.length / (readOld * oldOut);
  if (b.length !== places * readNow * out.length)
    return test.say('its kernel has another shape than its maps say');
  const largest = a.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  for (let j = 0; j < out.length; j++) {
    const from = out[j] as number;
    const [groupOld, groupNow] = [Math.floor(from / (oldOut / gOld)), Math.floor(j / (out.length / gNow))];
    for (let p = 0; p < places; p++) {
      const sums = new Float64Array(readOld);
      for (let i = 0; i < readNow; i++) {
        const k = (x[groupNow * readNow + i] as number) - groupOld * readOld;
        if (k < 0 || k >= readOld) return test.say(`output ${j} reads a channel that its original did not`);
        sums[k] = (sums[k] as number) + (b[(p * readNow + i) * out.length + j] as number);
      }
      for (let k = 0; k < readOld; k++) {
        const expected = a[(p * readOld + k) * oldOut + from] as number;
        if (Math.abs((sums[k] as number) - expected) > test.tolerance * largest) {
          return test.say(`the copies of input ${k} do not sum to its weight for output ${j}`);
        }
      }
    }
  }
}
