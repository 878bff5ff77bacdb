/** @file The options of an architecture as sliders, choices and switches. */
import { options as compose, type types } from '../../index.ts';

type Option = types.Option<unknown>;
export type Values = Readonly<Record<string, unknown>>;
interface Props {
  readonly name: string;
  readonly option: Option;
  readonly value: unknown;
  onChange(value: unknown): void;
}

/** The bounds that a slider has: those of the option, but not far from its default, so that it is of use. */
function boundsOf(option: Option): readonly [min: number, max: number, step: number] | undefined {
  const { default: usual, range } = option;
  const said = /^a whole number from (\d+) to (\d+)/.exec(range); // of options that take other values too
  const min = 'min' in option ? option.min : said && Number(said[1]);
  const max = 'max' in option ? option.max : said && Number(said[2]);
  if (typeof min !== 'number' || typeof max !== 'number' || typeof usual !== 'number') return undefined;
  const isWhole = range.startsWith('a whole');
  const near = usual === 0 ? Math.min(max, isWhole ? 16 : 0.9) : Math.min(max, Math.max(usual * 4, min + 4));
  return isWhole
    ? [Math.max(min, Math.floor(usual / 8)), near, 1]
    : [Math.max(min, usual === 0 ? 0 : usual / 16), near, near <= 1 ? 0.05 : 0.05];
}

export function OptionField({ name, option, value, onChange }: Props) {
  if (option.range.startsWith('one of ')) {
    const names = option.range.slice('one of '.length).split(', ');
    return (
      <label class="slider" title={option.doc}>
        <span>{name}</span>
        <select
          value={String(value)}
          style={{ gridColumn: 'span 2' }}
          onChange={(e) => onChange(option.parse(e.currentTarget.value))}
        >
          {names.map((n) => (
            <option key={n} value={n}>
              {n}
            </option>
          ))}
        </select>
      </label>
    );
  }
  if (typeof option.default === 'boolean')
    return (
      <label class="check" title={option.doc}>
        <input type="checkbox" checked={value === true} onChange={(e) => onChange(e.currentTarget.checked)} />
        {name} <span class="muted small">{option.doc}</span>
      </label>
    );
  const bounds = typeof value === 'number' ? boundsOf(option) : undefined;
  const set = (text: string): void => {
    const parsed = option.parse(text.trim());
    if (parsed !== undefined && option.allows(parsed)) onChange(parsed);
  };
  return (
    <div class="slider" title={`${option.doc}: ${option.range}`}>
      <span>{name}</span>
      {bounds ? (
        <input
          type="range"
          aria-label={`${name}: ${option.doc}`}
          {...{ min: bounds[0], max: bounds[1], step: bounds[2] }}
          value={Number(value)}
          onInput={(e) => set(e.currentTarget.value)}
        />
      ) : (
        <span class="muted small one-line">{option.doc}</span>
      )}
      <input
        type="text"
        inputMode="decimal"
        aria-label={`${name}, ${option.range}`}
        value={String(value)}
        onChange={(e) => set(e.currentTarget.value)}
      />
    </div>
  );
}
export const parse = compose.parseOptions;
