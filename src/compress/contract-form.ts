/** @file The form in which training keeps what earlier steps made. */
import { keepZeros } from '../learn/structure/index.ts';
import { type Form, inTurn } from '../learn/train/index.ts';
import type { Net } from '../weights/index.ts';
import { type Contract, kernels } from './contracts.ts';
import { membershipOf } from './membership.ts';
import { type QuantizedFormOptions, quantizedForm } from './quantized-form.ts';
import { keepShared } from './shared-form.ts';

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
