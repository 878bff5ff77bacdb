/**
 * @file Parses and prints timm's block strings, such as `ir_r2_k3_s2_e6_c24_se0.25`, with strict checks
 * (block-tables.ts builds them). Strings come from published tables: an option that a block does not have is an error,
 * never ignored.
 */
import { get } from '../access.ts';
import { suggestion, UsageError } from '../errors.ts';
import type { Activation } from '../graph/index.ts';

interface Common {
  /** r: how many such blocks; only the first has the stride. */
  readonly repeats: number;
  /** s */
  readonly stride: 1 | 2;
  /** c, before any width multiplier */
  readonly out: number;
  /** n: activation, where it is not the net's own */
  readonly act?: Activation;
  /** gs: channels in a group of the block's k x k conv */
  readonly groupSize?: number;
}
interface Squeezed {
  /** se: units of squeeze and excite per channel */
  readonly squeeze?: number;
}
/** A block string as data. `k` kernel, `e` expansion; `noskip` and `skip` force or forbid the residual sum. */
export type BlockSpec =
  /** Inverted residual: expand, filter depthwise, project. */
  | (Common & Squeezed & { type: 'ir'; kernel: number; expand: number; noskip?: true })
  /** Depthwise-separable, its pointwise conv linear. */
  | (Common & Squeezed & { type: 'ds'; kernel: number; expand?: 1; noskip?: true })
  /** Depthwise-separable, activated at its end, never residual. */
  | (Common & Squeezed & { type: 'dsa'; kernel: number; expand?: 1 })
  /** Edge residual: expand by a full k x k conv, project. */
  | (Common & Squeezed & { type: 'er'; kernel: number; expand: number; noskip?: true })
  /** Conv, norm, activation. */
  | (Common & { type: 'cn'; kernel: number; expand?: 1; skip?: true })
  /** Universal inverted residual: depthwise `start` (a), expand, depthwise `kernel` (k), project, depthwise `end` (p). */
  | (Common &
      Squeezed & {
        type: 'uir';
        start?: number;
        kernel: number;
        end?: number;
        expand: number;
        noskip?: true;
      })
  /**
   * Multi-query attention of `heads` heads of `width` channels (d), whose key and value are strided by a depthwise conv (k) where
   * `keyStride` (v) is above 1.
   */
  | (Common & {
      type: 'mqa';
      kernel: number;
      heads: number;
      keyStride?: number;
      width: number;
      noskip?: true;
    });
type Type = BlockSpec['type'];

const acts: Readonly<Record<string, Activation>> = { re: 'relu', r6: 'relu6', hs: 'hardSwish', sw: 'swish' };

type Field =
  | 'repeats'
  | 'start'
  | 'kernel'
  | 'end'
  | 'stride'
  | 'expand'
  | 'out'
  | 'squeeze'
  | 'groupSize'
  | 'heads'
  | 'keyStride'
  | 'width'
  | 'act';
/** Letters and fields, in the order in which they are printed. */
const letters: readonly (readonly [letter: string, field: Field])[] = [
  ['r', 'repeats'],
  ['a', 'start'],
  ['k', 'kernel'],
  ['p', 'end'],
  ['h', 'heads'],
  ['s', 'stride'],
  ['e', 'expand'],
  ['v', 'keyStride'],
  ['d', 'width'],
  ['c', 'out'],
  ['se', 'squeeze'],
  ['gs', 'groupSize'],
  ['n', 'act'],
];
const fields: ReadonlyMap<string, Field> = new Map(letters);
/** The letters that each type needs, those that it may have, and the word about its residual sum. */
const grammar: Readonly<Record<Type, { must: string; may: string; word?: 'noskip' | 'skip' }>> = {
  ir: { must: 'r k s e c', may: 'se gs n', word: 'noskip' },
  ds: { must: 'r k s c', may: 'e se gs n', word: 'noskip' },
  dsa: { must: 'r k s c', may: 'e se gs n' },
  er: { must: 'r k s e c', may: 'se gs n', word: 'noskip' },
  cn: { must: 'r k s c', may: 'e gs n', word: 'skip' },
  mqa: { must: 'r k h s d c', may: 'v', word: 'noskip' },
  uir: { must: 'r k s e c', may: 'a p se gs n', word: 'noskip' },
};
/** What timm has and this library does not. */
const foreign: Readonly<Record<string, string>> = {
  mha: 'attention blocks',
  cc: 'conditional convs',
  fc: 'forced input channels',
};

/**
 * A block string of timm as data.
 *
 * @throws UsageError that names the string, the position (from 1) and the remedy.
 * @example
 * import { options } from 'moonlet';
 *
 * const block = options.parseBlock('ir_r2_k3_s2_e6_c24_se0.25');
 * block.out; // 24
 * options.printBlock(block); // 'ir_r2_k3_s2_e6_c24_se0.25'
 */
export function parseBlock(text: string): BlockSpec {
  const fail = (at: number, reason: string): never => {
    throw new UsageError(`block string "${text}", at ${at + 1}: ${reason}`);
  };
  const [type = '', ...words] = text.split('_');
  if (!isType(type)) {
    if (Object.hasOwn(foreign, type)) fail(0, `"${type}": ${foreign[type]} are not built here`);
    return fail(
      0,
      `no block "${type}" (${Object.keys(grammar).join(', ')}).${suggestion(type, Object.keys(grammar))}`,
    );
  }
  const { must, may, word: sumWord } = grammar[type];
  const known = [...must.split(' '), ...may.split(' ')];
  const all = sumWord ? [...known, sumWord] : known;
  const seen = new Map<string, number>();
  const spec: Partial<Record<Field | 'noskip' | 'skip', unknown>> = {};
  let at = type.length + 1;
  for (const word of words) {
    const [letter, value] = splitWord(word);
    if (!all.includes(letter)) fail(at, unknownOption(type, letter, word, all));
    if (seen.has(letter)) fail(at, `"${letter}" is said twice, first at ${get(seen, letter) + 1}`);
    seen.set(letter, at);
    if (letter === sumWord) spec[letter] = true;
    else {
      spec[get(fields, letter)] = readValue(type, letter, value, (reason) => fail(at, reason));
    }
    at += word.length + 1;
  }
  for (const letter of must.split(' ')) {
    if (!seen.has(letter))
      fail(text.length, `"${letter}" is missing; ${type} needs ${must.split(' ').join(', ')}`);
  }
  const parsed = { type, ...spec } as BlockSpec; // the grammar of the type says which fields it has
  if (parsed.type === 'mqa' && parsed.stride > 1)
    fail(get(seen, 's'), 'attention with a stride is not built here');
  if (parsed.type === 'uir' && parsed.stride > 1 && !parsed.start && !parsed.kernel && !parsed.end)
    fail(get(seen, 's'), 'a stride needs a depthwise conv (a, k or p) that takes it');
  return parsed;
}

/** Letters and value: `se0.25` is se and 0.25, `nre` is n and re; `noskip` has no value. */
function splitWord(word: string): readonly [letter: string, value: string] {
  if (/^(no)?skip$/.test(word)) return [word, ''];
  const [, letter = word, value = ''] = /^(n|[a-z]+)(.*)$/.exec(word) ?? [];
  return [letter, value];
}

const isType = (word: string): word is Type => Object.hasOwn(grammar, word);

function unknownOption(type: Type, letter: string, word: string, all: readonly string[]): string {
  if (!word) return 'an option is missing between two "_"';
  if (Object.hasOwn(foreign, letter)) return `"${letter}": ${foreign[letter]} are not built here`;
  const elsewhere = Object.entries(grammar)
    .filter(([, g]) => [...`${g.must} ${g.may}`.split(' '), g.word].includes(letter))
    .map(([name]) => name);
  const has = `${type} has ${all.join(', ')}`;
  return elsewhere.length
    ? `"${letter}" means nothing for ${type}, only for ${elsewhere.join(', ')}; leave it out (${has})`
    : `no option "${letter}" (${has}).${suggestion(letter, all)}`;
}

function readValue(
  type: Type,
  letter: string,
  text: string,
  fail: (reason: string) => never,
): number | Activation {
  if (letter === 'n') {
    const act = Object.hasOwn(acts, text) ? acts[text] : undefined;
    if (act) return act;
    return fail(
      `no activation "${text}" (${Object.keys(acts).join(', ')}).${suggestion(text, Object.keys(acts))}`,
    );
  }
  if (/^\d+(\.\d+)+$/.test(text) && ['k', 'a', 'p'].includes(letter))
    return fail(
      `"${letter}${text}": kernels of several sizes are not built here; give one, such as ${letter}3`,
    );
  const whole = !['e', 'se'].includes(letter);
  if (!(whole ? /^\d{1,6}$/ : /^\d{1,6}(\.\d{1,6})?$/).test(text))
    return fail(`"${letter}" takes a ${whole ? 'whole ' : ''}number, got ${text ? `"${text}"` : 'nothing'}`);
  const n = Number(text);
  const zero = type === 'uir' && ['k', 'a', 'p'].includes(letter);
  if (n === 0 && !zero) return fail(`"${letter}" must be above 0`);
  if (['k', 'a', 'p'].includes(letter) && n % 2 === 0 && n > 0) return fail(`kernels are odd, got ${n}`);
  if (letter === 's' && n > 2) return fail(`the stride is 1 or 2, got ${n}`);
  if (letter === 'se' && n > 1) return fail(`"se" is a share of the channels, up to 1, got ${n}`);
  if (letter === 'e' && !grammar[type].must.includes('e') && n !== 1)
    return fail(`${type} does not expand; leave "e${text}" out`);
  return n;
}

/** The string that parses to this. Options come in the order of timm's tables. */
export function printBlock(spec: BlockSpec): string {
  const values: Readonly<Partial<Record<Field | 'noskip' | 'skip', unknown>>> = spec;
  const words = letters.flatMap(([letter, field]) => {
    const value = values[field];
    if (value === undefined) return [];
    return [`${letter}${field === 'act' ? Object.keys(acts).find((k) => acts[k] === value) : value}`];
  });
  const sum = (['noskip', 'skip'] as const).filter((word) => values[word]);
  return [spec.type, ...words, ...sum].join('_');
}
