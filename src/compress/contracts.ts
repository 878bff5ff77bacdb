/**
 * @file Contracts: later steps must keep the zeros, shared values, ranks or integers that a step made. Each contract is
 * checked after every later step. A broken contract stops the pipeline with an error that names both steps.
 */
import { MoonletError } from '../errors.ts';
import { keepZeros } from '../learn/structure/index.ts';
import { type Form, inTurn } from '../learn/train/index.ts';
import { materialize, type Net, type Weight, type WeightKey } from '../weights/index.ts';
import { type QuantizedFormOptions, quantizedForm } from './quantized-form.ts';
import { keepShared, membershipOf } from './shared-form.ts';

export interface Contract {
  /** The property that later steps must keep. */
  readonly what: 'sparsity' | 'sharing' | 'integers' | 'ranks';
  /** The step that made it, in words. */
  readonly by: string;
  /** How a net breaks the contract; undefined when it keeps it. */
  broken(net: Net): string | undefined;
}

const kernels = (net: Net): readonly (readonly [WeightKey, Weight])[] =>
  [...net.weights].filter(([key]) => key.endsWith(':kernel'));

/** Every zero of a kernel stays zero. */
export function sparsityContract(net: Net, by: string): Contract {
  const zeros = new Map(
    kernels(net).flatMap(([key, w]) => {
      const data = materialize(w);
      return data.includes(0) ? [[key, data.map((v) => (v === 0 ? 1 : 0))] as const] : [];
    }),
  );
  return {
    what: 'sparsity',
    by,
    broken: (now) =>
      firstBroken(zeros, now, (mask, weight) => {
        const data = materialize(weight);
        if (data.length !== mask.length) return 'has another size';
        const changed = data.reduce((n, v, p) => n + (mask[p] && v !== 0 ? 1 : 0), 0);
        return changed ? `has ${changed} weights that were zero` : undefined;
      }),
  };
}

/** A shared kernel stays shared, with no more different values. */
export function sharingContract(net: Net, by: string): Contract {
  const counts = new Map(
    kernels(net).flatMap(([key, w]) => {
      const m = membershipOf(w);
      return m ? [[key, m.count] as const] : [];
    }),
  );
  return {
    what: 'sharing',
    by,
    broken: (now) =>
      firstBroken(counts, now, (count, weight) => {
        const m = membershipOf(weight);
        if (!m) return `is no longer shared, but ${weight.encoding}`;
        return m.count > count ? `has ${m.count} shared values instead of ${count}` : undefined;
      }),
  };
}

/** Kernels of integer codes keep at most their number of bits. */
export function integerContract(net: Net, by: string): Contract {
  const widths = new Map(
    kernels(net).flatMap(([key, w]) => {
      const width = widthOf(w);
      return width === undefined ? [] : [[key, width] as const];
    }),
  );
  return {
    what: 'integers',
    by,
    broken: (now) =>
      firstBroken(widths, now, (width, weight) => {
        const got = widthOf(weight);
        if (got === undefined) return `is no longer quantized, but ${weight.encoding}`;
        return got > width ? `has codes of ${got} bits instead of ${width}` : undefined;
      }),
  };
}
function widthOf(weight: Weight): number | undefined {
  const w = weight.encoding === 'sparse' ? weight.values : weight;
  if (w.encoding === 'quantized') return w.bits;
  return w.encoding === 'ternary' ? 2 : w.encoding === 'binary' ? 1 : undefined;
}

/** The parts of factorized layers stay separate, with no higher ranks. */
export function rankContract(net: Net, before: Net, by: string): Contract {
  const old = new Set(before.graph.nodes.map((n) => n.id));
  const ranks = new Map(
    net.graph.nodes.flatMap(({ id, op }) => (!old.has(id) && 'out' in op ? [[id, op.out] as const] : [])),
  );
  return {
    what: 'ranks',
    by,
    broken: (now) => {
      const outs = new Map(
        now.graph.nodes.flatMap(({ id, op }) => ('out' in op ? [[id, op.out] as const] : [])),
      );
      for (const [id, rank] of ranks) {
        const out = outs.get(id);
        if (out === undefined) return `"${id}" is missing`;
        if (out > rank) return `"${id}" has ${out} channels instead of ${rank}`;
      }
      return undefined;
    },
  };
}

function firstBroken<T>(
  known: ReadonlyMap<WeightKey, T>,
  now: Net,
  why: (was: T, weight: Weight) => string | undefined,
): string | undefined {
  for (const [key, was] of known) {
    const weight = now.weights.get(key);
    const reason = weight ? why(was, weight) : 'is missing';
    if (reason) return `"${key}" ${reason}`;
  }
  return undefined;
}

/** @throws MoonletError for the first contract that the net breaks, with both steps; `step` is the step that ran, in words. */
export function checkContracts(contracts: readonly Contract[], net: Net, step: string): void {
  for (const { what, by, broken } of contracts) {
    const reason = broken(net);
    if (reason)
      throw new MoonletError(
        `${step} destroys the ${what} that ${by} made: ${reason}; put it before ${by}, or leave one out`,
      );
  }
}

/** The form in which training keeps the contracts; undefined when training may change everything. */
export function formOf(net: Net, contracts: readonly Contract[]): Form | undefined {
  const made = new Set(contracts.map((c) => c.what));
  const shared = [...net.weights.values()].some(membershipOf);
  // one form for each kind of rounding
  const roundings = new Map<string, { o: QuantizedFormOptions; only: string[] }>();
  for (const [key, w] of kernels(net)) {
    const q = w.encoding === 'sparse' ? w.values : w;
    const o: QuantizedFormOptions | undefined =
      q.encoding === 'quantized'
        ? { bits: q.bits }
        : q.encoding === 'ternary' || q.encoding === 'binary'
          ? { kind: q.encoding }
          : undefined;
    if (!o) continue;
    const rounding = roundings.get(JSON.stringify(o)) ?? { o, only: [] };
    rounding.only.push(key.slice(0, key.lastIndexOf(':')));
    roundings.set(JSON.stringify(o), rounding);
  }
  const forms = [
    ...(made.has('sparsity') ? [keepZeros(net)] : []),
    ...(shared ? [keepShared(net)] : []),
    ...[...roundings.values()].map(({ o, only }) => quantizedForm(net, { ...o, only })),
  ];
  return forms.length ? inTurn(...forms) : undefined;
}
