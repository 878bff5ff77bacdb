/**
 * @file Parses compression steps from JSON or from a string. `prune=0.8 fit=300 share=16,start=density` says the same
 * as `[{"step":"prune","sparsity":0.8},{"step":"fit","steps":300},{"step":"share","clusters":16,"start":"density"}]`.
 */
import { suggestion, UsageError } from '../errors.ts';
import { issueText, unknownKey } from '../graph/index.ts';
import { type CompressStep, isStepName, type StepName, stepKinds, stepNames } from './step-kinds.ts';

/**
 * A step in words, as `parseSteps` reads them; options at their defaults are left out.
 *
 * @example
 * import { parseSteps, printStep } from 'moonlet/compress';
 * parseSteps([{ step: 'prune', sparsity: 0.8, scope: 'global' }]).map(printStep); // ['prune=0.8,scope=global']
 */
export function printStep(step: CompressStep): string {
  const { schema, main } = stepKinds[step.step];
  const fields: Readonly<Record<string, unknown>> = step;
  const first = main && fields[main] !== undefined ? `${step.step}=${String(fields[main])}` : step.step;
  const others = Object.entries(fields).flatMap(([key, value]) => {
    if (key === 'step' || key === main || value === undefined) return [];
    const usual = schema.shape[key]?.safeParse(undefined).data;
    if (JSON.stringify(usual) === JSON.stringify(value)) return [];
    return [`${key}=${printValue(value)}`];
  });
  return [first, ...others].join(',');
}

/** Numbers are joined by 'x', names by '+'. */
const printValue = (value: unknown): string =>
  Array.isArray(value) ? value.join(value.every((v) => typeof v === 'number') ? 'x' : '+') : String(value);

/**
 * Steps from JSON or from words, with all defaults filled in. `name` is what errors call the source.
 *
 * @throws UsageError that names the step and the option that is wrong.
 * @example
 * import { parseSteps } from 'moonlet/compress';
 * parseSteps('prune=0.8 share=16 huffman').map((s) => s.step); // ['prune', 'share', 'huffman']
 */
export function parseSteps(given: unknown, name = 'steps'): readonly CompressStep[] {
  const list = typeof given === 'string' ? fromWords(given, name) : given;
  if (!Array.isArray(list) || !list.length)
    throw new UsageError(
      `${name}: a list of steps is expected, such as "prune=0.8 fit=300 share=16 huffman"`,
    );
  const steps = list.map((value: unknown, i) => parseStep(value, `${name}[${i}]`));
  const last = steps.findIndex((s) => stepKinds[s.step].contract === 'last');
  if (last >= 0 && last < steps.length - 1)
    throw new UsageError(`${name}[${last}]: ${steps[last]?.step} writes the file; no step may follow it`);
  return steps;
}

function parseStep(value: unknown, where: string): CompressStep {
  const step = typeof value === 'object' && value !== null && 'step' in value ? value.step : undefined;
  if (typeof step !== 'string')
    throw new UsageError(`${where}: a step is an object such as {"step":"half"}; give its name as "step"`);
  if (!isStepName(step))
    throw new UsageError(
      `${where}: no step "${step}".${suggestion(step, stepNames)} Known: ${stepNames.join(', ')}`,
    );
  const { schema, oneOf } = stepKinds[step];
  const parsed = schema.safeParse(value, { error: unknownKey });
  if (!parsed.success) throw new UsageError(`${where}: ${issueText(parsed.error)}`);
  const fields: Readonly<Record<string, unknown>> = parsed.data;
  const chosen = oneOf?.filter((key) => fields[key] !== undefined);
  if (oneOf && chosen?.length !== 1)
    throw new UsageError(
      `${where}: ${step} takes one of ${oneOf.join(', ')}, got ${chosen?.join(' and ') || 'none'}`,
    );
  return parsed.data;
}

/** 'name=value,key=value ...' as the JSON form. */
function fromWords(text: string, name: string): unknown[] {
  const words = text.trim().split(/\s+/).filter(Boolean);
  return words.map((word, i) => {
    const [first = '', ...rest] = word.split(',');
    const [step, value] = splitPair(first);
    const main = isStepName(step) ? stepKinds[step].main : undefined;
    if (value !== undefined && isStepName(step) && !main)
      throw new UsageError(`${name}[${i}]: ${step} takes no value, got "${value}"`);
    const options = rest.map(splitPair);
    if (main && value !== undefined) options.unshift([main, value]);
    const twice = options.find(([key], at) => options.findIndex(([other]) => other === key) < at);
    if (twice) throw new UsageError(`${name}[${i}]: ${twice[0]} of ${step} is given twice`);
    return {
      step,
      ...Object.fromEntries(
        options.map(([key, text]) => {
          if (text === '') throw new UsageError(`${name}[${i}]: ${key} of ${step} has no value after "="`);
          return [
            key,
            text === undefined ? true : parseValue(text, isStepName(step) ? step : undefined, key),
          ];
        }),
      ),
    };
  });
}

function splitPair(text: string): readonly [key: string, value: string | undefined] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text, undefined] : [text.slice(0, equals), text.slice(equals + 1)];
}

/** The text itself where the option takes texts, such as names of layers; or else a boolean, a number, or numbers joined by 'x'. */
function parseValue(text: string, step: StepName | undefined, key: string): unknown {
  if (step && stepKinds[step].schema.shape[key]?.safeParse(text).success) return text;
  if (text === 'true' || text === 'false') return text === 'true';
  const parts = text.split('x').map(Number);
  if (text.includes('x') && parts.every((n) => Number.isInteger(n))) return parts;
  return text !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}
