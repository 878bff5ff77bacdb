/**
 * @file Selects a net of a file, and removes the prefixes that training wrappers add to names: DataParallel,
 * torch.compile, FSDP and running averages of weights.
 */
import { quote, suggestion, UsageError } from '../errors.ts';
import type { ForeignTensor, HeldNet, WeightFile } from './file.ts';

/** The usual names of nets in a checkpoint; the first one that a file has is used. */
export const holders = ['state_dict_ema', 'model_ema', 'state_dict', 'model_state_dict', 'model'];

type Tensors = ReadonlyMap<string, ForeignTensor>;
export interface Chosen extends HeldNet {
  /** What the file calls it, where it has a name. */
  readonly net?: string;
  /** The file's other nets. */
  readonly others: readonly string[];
}

/**
 * The net of this name, or the first.
 * @throws UsageError when the file has no net of the name.
 */
export function chosen(file: WeightFile, wanted: string | undefined, name: string): Chosen {
  const nets = file.nets ?? flatNets(file);
  const names = [...nets.keys()];
  const net = wanted ?? names[0];
  if (net === undefined) return { ...file, others: [] };
  const held = nets.get(net);
  if (!held) {
    const there = names.length
      ? `contains ${names.map(quote).join(', ')}`
      : 'contains one net without a name';
    throw new UsageError(`${name}: ${there}, not ${quote(net)}.${suggestion(net, names)}`);
  }
  return { ...held, net, others: names.filter((other) => other !== net) };
}

/** A checkpoint of several nets whose dicts became prefixes, as in 'model_ema.conv1.weight'. */
function flatNets({ tensors, skipped }: WeightFile): ReadonlyMap<string, HeldNet> {
  const nets = new Map<string, Map<string, ForeignTensor>>(holders.map((holder) => [holder, new Map()]));
  for (const [key, tensor] of tensors) {
    const dot = key.indexOf('.');
    const net = nets.get(key.slice(0, Math.max(dot, 0)));
    if (!net) return new Map();
    net.set(key.slice(dot + 1), tensor);
  }
  return new Map([...nets].flatMap(([net, held]) => (held.size ? [[net, { tensors: held, skipped }]] : [])));
}

/** Names of modules that wrap another module; no layer of a net has such a name. */
const everywhere = /(^|\.)(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\./g;
/** What DataParallel and AveragedModel put before every name, and the counter that the latter keeps beside them. */
const outer = 'module.';
const counter = /^n_averaged$/;

/**
 * The tensors by their names in the model itself, and what was before most of them; as they are when two would have one
 * name.
 */
export function unwrapped(tensors: Tensors): { readonly tensors: Tensors; readonly prefix: string } {
  const inner = (key: string): string => {
    let [name, before] = [key, ''];
    while (name !== before) [before, name] = [name, name.replace(everywhere, '$1')];
    return name;
  };
  let names = new Map([...tensors.keys()].map((key) => [key, inner(key)]));
  const wrapped = (): boolean => {
    const own = [...names.values()].filter((name) => !counter.test(name));
    return own.length > 0 && own.every((name) => name.startsWith(outer));
  };
  while (wrapped())
    names = new Map(
      [...names].map(([key, name]) => [key, counter.test(name) ? name : inner(name.slice(outer.length))]),
    );
  if (new Set(names.values()).size < names.size) return { tensors, prefix: '' };
  const [key, name] = [...names].find(([key, name]) => !counter.test(key) && key.endsWith(name)) ?? ['', ''];
  return {
    tensors: new Map([...tensors].map(([key, tensor]) => [names.get(key) ?? key, tensor])),
    prefix: key.slice(0, key.length - name.length),
  };
}
