/** @file Activations that exporters write as several ops, found as the ops are read. */
import type { Draft } from './draft.ts';
import { uniform } from './draft.ts';

/** value = factor source */
interface Scaled {
  readonly source: string;
  readonly factor: number;
}

/** Without a multiplication by one number. */
function unscaled(draft: Draft, id: string): Scaled {
  const { op, inputs } = draft.node(id);
  const [source] = inputs;
  const factor = op.kind === 'affine' ? op.scale[0] : undefined;
  return op.kind === 'affine' &&
    source !== undefined &&
    factor &&
    uniform(op.offset, 0) &&
    uniform(op.scale, factor)
    ? { source, factor }
    : { source: id, factor: 1 };
}

/** What an affine op of one scale and one offset reads. */
function shifted(draft: Draft, id: string, scale: number, offset: number): string | undefined {
  const { op, inputs } = draft.node(id);
  return op.kind === 'affine' && uniform(op.scale, scale) && uniform(op.offset, offset)
    ? inputs[0]
    : undefined;
}

/** Whether an affine op is factor x + shift of another of the same source: what reads the other was joined with it when it was read. */
function isAffineOf(draft: Draft, id: string, of: string, factor: number, shift: number): boolean {
  const [a, b] = [draft.node(id), draft.node(of)];
  if (a.op.kind !== 'affine' || b.op.kind !== 'affine' || a.inputs[0] !== b.inputs[0]) return false;
  const same = (many: ArrayLike<number>, one: ArrayLike<number>, plus: number): boolean =>
    many.length === one.length &&
    Array.from(many).every((v, i) => Math.abs(v - factor * (one[i] ?? 0) - plus) <= 1e-5 * Math.abs(v));
  return same(a.op.scale, b.op.scale, 0) && same(a.op.offset, b.op.offset, shift);
}

const actOf = (draft: Draft, id: string, fn: string): string | undefined => {
  const { op, inputs } = draft.node(id);
  return op.kind === 'act' && op.fn === fn ? inputs[0] : undefined;
};

/** relu6(x + 3) = 6 hardSigmoid(x): what x is. */
function hardSigmoidInput(draft: Draft, id: string, value?: string): string | undefined {
  const inner = actOf(draft, id, 'relu6');
  if (inner === undefined) return undefined;
  return value !== undefined && isAffineOf(draft, inner, value, 1, 3) ? value : shifted(draft, inner, 1, 3);
}

/** relu6(x + 3) / 6 is a hard sigmoid; anything else stays. */
export function asHardSigmoid(draft: Draft, path: string, id: string): string {
  const { source, factor } = unscaled(draft, id);
  const x = Math.abs(factor * 6 - 1) < 1e-5 ? hardSigmoidInput(draft, source) : undefined;
  return x === undefined ? id : draft.emit(path, { kind: 'act', fn: 'hardSigmoid' }, [x]);
}

/**
 * clip(round(x / scale), low, high) scale, as our export writes values of fewer than 8 bits: steps of 1 times the scale, which
 * become one `quantize`. Anything else stays.
 */
export function asQuantize(draft: Draft, path: string, id: string): string {
  const { source, factor } = unscaled(draft, id);
  const { op, inputs } = draft.node(source);
  const [divided = ''] = inputs;
  if (op.kind !== 'quantize' || op.scale !== 1 || factor === 1) return id;
  const x = shifted(draft, divided, 1 / factor, 0);
  return x === undefined ? id : draft.emit(path, { ...op, scale: factor }, [x]);
}

/** A gate of x itself: the activation that x times the gate is, and the factor between them. */
function gateOf(
  draft: Draft,
  gate: string,
  value: string,
): { x: string; fn: 'swish' | 'hardSwish' | 'gelu' | 'geluTanh'; factor: number } | undefined {
  const { source, factor } = unscaled(draft, gate);
  const swish = actOf(draft, source, 'sigmoid');
  if (swish !== undefined) return { x: swish, fn: 'swish', factor };
  const hard = actOf(draft, source, 'hardSigmoid');
  if (hard !== undefined) return { x: hard, fn: 'hardSwish', factor };
  const six = hardSigmoidInput(draft, source, value);
  if (six !== undefined) return { x: six, fn: 'hardSwish', factor: 6 * factor };
  // scale (1 + erf(x / sqrt 2)) = 2 scale normal(x)
  const { op, inputs } = draft.node(gate);
  const half = op.kind === 'affine' ? (op.scale[0] ?? 0) : 0;
  const erf = half === 0 ? undefined : shifted(draft, gate, half, half);
  const inner =
    erf !== undefined && draft.node(erf).op.kind === 'erf' ? draft.node(erf).inputs[0] : undefined;
  const x =
    inner === undefined || !inputs.length
      ? undefined
      : isAffineOf(draft, inner, value, Math.SQRT1_2, 0)
        ? value
        : shifted(draft, inner, Math.SQRT1_2, 0);
  if (x !== undefined) return { x, fn: 'gelu', factor: 2 * half };
  const cubic = erf === undefined ? undefined : actOf(draft, erf, 'tanh');
  const approximated = cubic === undefined ? undefined : cubicInput(draft, cubic);
  return approximated === undefined ? undefined : { x: approximated, fn: 'geluTanh', factor: 2 * half };
}

const near = (a: number, b: number): boolean => Math.abs(a / b - 1) < 1e-5;

/** The x of sqrt(2 / pi) (x + 0.044715 x^3). */
function cubicInput(draft: Draft, id: string): string | undefined {
  const { source, factor } = unscaled(draft, id);
  const { op, inputs } = draft.node(source);
  if (op.kind !== 'add' || inputs.length !== 2 || !near(factor, Math.sqrt(2 / Math.PI))) return undefined;
  return inputs.find((x) => {
    const cube = unscaled(draft, inputs.find((other) => other !== x) ?? x);
    const factors = factorsOf(draft, cube.source);
    return near(cube.factor, 0.044715) && factors.length === 3 && factors.every((f) => f === x);
  });
}
const factorsOf = (draft: Draft, id: string): readonly string[] => {
  const { op, inputs } = draft.node(id);
  return op.kind === 'mul' ? inputs.flatMap((input) => factorsOf(draft, input)) : [id];
};

/** The product of a value and a gate of it as one activation; undefined where it is none. */
export function asActivation(draft: Draft, path: string, a: string, b: string): string | undefined {
  for (const [value, gate] of [
    [a, b],
    [b, a],
  ] as const) {
    const match = gateOf(draft, gate, value);
    if (!match) continue;
    const { source, factor } = unscaled(draft, value);
    const { x, fn } = match;
    // the gate may read the scaled value itself: (s x) sigmoid(s x)
    const isSelf = value === x;
    if (!isSelf && source !== x) continue;
    const id = draft.emit(path, { kind: 'act', fn }, [x]);
    return draft.scaled(path, id, match.factor * (isSelf ? 1 : factor));
  }
  return undefined;
}
