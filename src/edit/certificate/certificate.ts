/**
 * @file Is a grown net what its maps say? A checker that shares no code with the edits (but for the graph's shapes and
 * windows): it reads two graphs, two sets of weights and the maps, and verifies every op by its own rule.
 *
 * A value of the new net is sound when it has the channels of an old value, new[..., j] = old[..., map[j]], and new ones
 * that nothing old may weigh (-1); or it is known to be zero. Old nodes must read what they read and be sound under their own name; new nodes must be permutes, or
 * pass a sound value on (a sum with zeros, a dirac conv, a second relu). Inputs and outputs must have the identity. Each
 * rule shows that sound inputs make a sound value; together they prove the whole net, up to rounding.
 */
import { type Node, type Shape, shapes, slide } from '../../graph/index.ts';
import type { Net } from '../../weights/index.ts';
import { passedOn, type Sound, stored } from './added.ts';

type Maps = ReadonlyMap<string, ArrayLike<number>>;
/** What is wrong, node by node; empty when the certificate holds. */
export type Findings = readonly string[];
/** Verify a grown net against the old one. `tolerance` is relative to the largest weight of a layer. */
export function verifyCertificate(old: Net, now: Net, maps: Maps, tolerance = 1e-5): Findings {
  const findings: string[] = [];
  const oldNodes = new Map(old.graph.nodes.map((n) => [n.id, n]));
  const [oldShapes, nowShapes] = [shapes(old.graph), shapes(now.graph)];
  const sound = new Map<string, Sound | undefined>();
  for (const node of now.graph.nodes) {
    const say = (what: string): void => void findings.push(`${node.id}: ${what}`);
    const was = oldNodes.get(node.id);
    const ins = node.inputs.map((id) => sound.get(id));
    if (!was) {
      const widths = node.inputs.map((id) => nowShapes.get(id)?.at(-1) ?? 0);
      const value = passedOn(old.graph, node, ins, now, widths);
      const claimed = maps.get(node.id);
      if (claimed && value && value !== 'zero' && !equal(claimed, value.map))
        say('its map is not what it makes');
      sound.set(node.id, value);
      continue;
    }
    const map = maps.get(node.id);
    sound.set(node.id, map && { as: node.id, map });
    if (!map) say('it has no map');
    else if (map.length !== nowShapes.get(node.id)?.at(-1)) say('its map is not as long as it has channels');
    else if (was.op.kind !== node.op.kind && !(was.op.kind === 'shuffle' && node.op.kind === 'permute'))
      say(`it was a ${was.op.kind} and is a ${node.op.kind}`);
    else if (!equal(ins.map(nameOf), was.inputs)) say(`it reads ${ins.map(nameOf).join(', ') || 'nothing'}`);
    else if (was.weightsOf !== node.weightsOf) say('it shares the weights of another');
    else if (!sameOptions(was, node)) say('its options are others');
    else {
      checkNode(
        was,
        node,
        ins.map((s) => (s && s !== 'zero' ? s.map : [])),
        map,
        was.inputs.map((id) => oldShapes.get(id) as Shape),
        { old, now, say, tolerance },
      );
    }
  }
  for (const [i, id] of now.graph.outputs.entries()) {
    const wanted = old.graph.outputs[i] ?? '';
    const value = sound.get(id);
    const n = oldShapes.get(wanted)?.at(-1) ?? 0;
    if (!value || value === 'zero' || value.as !== wanted || !equal(value.map, range(n)))
      findings.push(`${id}: it is an output, and its channels are not those of before`);
  }
  if (now.graph.outputs.length !== old.graph.outputs.length)
    findings.push('the outputs are not as many as before');
  return findings;
}

const nameOf = (s: Sound | undefined): string =>
  s === undefined ? 'a new value' : s === 'zero' ? 'zeros' : s.as;

/** Options that growth leaves alone: all but widths, groups, orders and bounds, and a kernel with its padding. */
function sameOptions(was: Node, node: Node): boolean {
  const free = ['out', 'groups', 'order', 'from', 'to', 'kernel', 'padding', 'shape', 'kind'];
  const rest = (op: object): string =>
    JSON.stringify(
      Object.entries(op).filter(
        ([key]) => !free.includes(key) || (key === 'kernel' && node.op.kind === 'shift'),
      ),
    );
  return rest(was.op) === rest(node.op) || was.op.kind === 'shuffle';
}

interface Case {
  readonly old: Net;
  readonly now: Net;
  readonly tolerance: number;
  say(what: string): void;
}
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const equal = <T>(a: ArrayLike<T>, b: ArrayLike<T>): boolean =>
  a.length === b.length && Array.from(a).every((v, i) => v === b[i]);

/** The rule of one op: sound inputs, and what the op and its weights must be for a sound value. */
function checkNode(
  was: Node,
  node: Node,
  ins: ArrayLike<number>[],
  out: ArrayLike<number>,
  oldIn: readonly Shape[],
  at: Case,
): void {
  const x = ins[0] as ArrayLike<number>;
  const c = oldIn[0]?.at(-1) ?? 0;
  const must = (holds: boolean, what: string): void => {
    if (!holds) at.say(what);
  };
  switch (node.op.kind) {
    case 'input':
      return must(equal(out, range(out.length)), 'it is an input, and its channels are not those of before');
    case 'conv':
    case 'dense':
      return checkLayer(was, node, x, out, oldIn[0] as Shape, at);
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
        const part = Array.from(m, (v) => (v < 0 ? v : v + offset));
        offset += oldIn[i]?.at(-1) ?? 0;
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
          part.map((v) => (v < 0 ? v : v - from)),
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
        nowFrom.length === out.length && nowFrom.every((i, j) => x[i] === (oldFrom[out[j] as number] ?? -1)),
        'it moves channels elsewhere than the old one did',
      );
    }
    case 'flatten':
      return must(
        Array.from(out).every((v, i) => {
          const from = x[i % x.length] as number;
          return v === (from < 0 ? from : Math.floor(i / x.length) * c + from);
        }),
        'its vector does not lie place by place, channels fastest',
      );
    case 'maxout': {
      const k = node.op.pieces;
      const whole = Array.from(x).every((v, i) => {
        const unit = out[Math.floor(i / k)] as number;
        return v === (unit < 0 ? unit : unit * k + (i % k));
      });
      return must(whole && x.length === out.length * k, 'its pieces are not those of the old units');
    }
    case 'shift': {
      const k = node.op.kernel;
      must(equal(out, x), 'a shift passes channels on as they are');
      return must(
        Array.from(x).every((v, i) => v < 0 || offsetOf(i, x.length, k) === offsetOf(v, c, k)),
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
  const [a, b] = [stored(old, was, slot), stored(now, node, slot)];
  // a new channel has what it has
  const wanted = a && Array.from(out, (from, i) => (from < 0 ? (b?.[i] ?? 0) : (a[from] as number)));
  if (!equal(b ?? [], wanted ?? [])) say(`its ${slot} is not that of the channels it copies`);
}
/**
 * A conv or dense layer: for each new output j and each old input channel k that its group read, the new weights of the
 * copies of k must sum to the old weight; copies of channels that the old output did not read must not be there.
 */
function checkLayer(
  was: Node,
  node: Node,
  x: ArrayLike<number>,
  out: ArrayLike<number>,
  shape: Shape,
  test: Case,
): void {
  const c = shape.at(-1) as number;
  const [a, b] = [
    ringed(was, node, shape, stored(test.old, was, 'kernel')),
    stored(test.now, node, 'kernel'),
  ];
  if (!a || !b) return test.say('its kernel is missing, or its windows do not lie where they lay');
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
    if (from < 0) continue;
    const [groupOld, groupNow] = [Math.floor(from / (oldOut / gOld)), Math.floor(j / (out.length / gNow))];
    for (let p = 0; p < places; p++) {
      const sums = new Float64Array(readOld);
      for (let i = 0; i < readNow; i++) {
        const channel = x[groupNow * readNow + i] as number;
        const k = channel - groupOld * readOld;
        if (channel < 0) {
          if (b[(p * readNow + i) * out.length + j] === 0) continue;
          return test.say(`output ${j} reads a new channel`);
        }
        if (k < 0 || k >= readOld) return test.say(`output ${j} reads a channel that its original did not`);
        sums[k] = (sums[k] as number) + (b[(p * readNow + i) * out.length + j] as number);
      }
      for (let k = 0; k < readOld; k++) {
        const expected = a[(p * readOld + k) * oldOut + from] as number;
        if (!(Math.abs((sums[k] as number) - expected) <= test.tolerance * largest)) {
          return test.say(`the copies of input ${k} do not sum to its weight for output ${j}`);
        }
      }
    }
  }
}

/** The old kernel with zeros around it, as large as the new one; undefined when the windows would lie elsewhere. */
function ringed(
  was: Node,
  node: Node,
  shape: Shape,
  old: Float32Array | undefined,
): Float32Array | undefined {
  if (!old || was.op.kind !== 'conv' || node.op.kind !== 'conv') return old;
  const [kh, kw] = was.op.kernel;
  const [bigH, bigW] = node.op.kernel;
  const [down, right] = [(bigH - kh) / 2, (bigW - kw) / 2];
  const [before, after] = [slide(shape, was.op).pads, slide(shape, node.op).pads];
  const moved =
    after.top - before.top !== down * node.op.dilation[0] ||
    after.left - before.left !== right * node.op.dilation[1] ||
    !Number.isInteger(down) ||
    !Number.isInteger(right);
  if (moved || down < 0 || right < 0) return undefined;
  const depth = old.length / (kh * kw);
  const all = new Float32Array(bigH * bigW * depth);
  for (let y = 0; y < kh; y++)
    for (let x = 0; x < kw; x++)
      for (let d = 0; d < depth; d++)
        all[((y + down) * bigW + x + right) * depth + d] = old[(y * kw + x) * depth + d] as number;
  return all;
}
