/** @file Values as text, in the form of Node's console, so that a sample prints in the page what it prints in Node. */

/** Node's: an object stays on one line while its parts, two signs for each, and ten more fit. */
const width = 80;
const mostItems = 100;

const isName = (key: string): boolean => /^[A-Za-z_$][\w$]*$/.test(key);
const quoted = (text: string): string =>
  text.includes("'") && !text.includes('"') ? `"${text}"` : `'${text.replaceAll('\n', '\\n')}'`;

/** Items between brackets: on one line where they fit, else one on each. */
function joined(prefix: string, items: readonly string[], brackets: string, indent: number): string {
  const [open = '', close = ''] = brackets;
  const before = prefix ? `${prefix} ` : '';
  if (!items.length) return `${before}${open}${close}`;
  const line = items.join(', ');
  const length = items.reduce((sum, item) => sum + item.length + 2, before.length + 1 + indent + 10);
  if (length <= width && !line.includes('\n')) return `${before}${open} ${line} ${close}`;
  const pad = ' '.repeat(indent + 2);
  return `${before}${open}\n${items.map((item) => pad + item).join(',\n')}\n${' '.repeat(indent)}${close}`;
}

function listed(values: Iterable<unknown>, count: number, depth: number, indent: number): readonly string[] {
  const items: string[] = [];
  for (const value of values) {
    if (items.length === mostItems) {
      items.push(`... ${count - mostItems} more items`);
      break;
    }
    items.push(inspected(value, depth + 1, indent + 2));
  }
  return items;
}

function ofObject(value: object, depth: number, indent: number): string {
  const name = Object.getPrototypeOf(value)?.constructor?.name ?? '[Object: null prototype]';
  if (value instanceof Error) return value.stack?.split('\n')[0] ?? value.message;
  if (depth > 2) return Array.isArray(value) ? '[Array]' : `[${name}]`;
  if (Array.isArray(value)) return joined('', listed(value, value.length, depth, indent), '[]', indent);
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    const numbers = value as unknown as ArrayLike<number>; // every view but DataView is one
    return joined(
      `${name}(${numbers.length})`,
      listed(Array.from(numbers), numbers.length, depth, indent),
      '[]',
      indent,
    );
  }
  if (value instanceof Map) {
    const items = [...value].map(
      ([key, v]) => `${inspected(key, depth + 1, indent + 2)} => ${inspected(v, depth + 1, indent + 2)}`,
    );
    return joined(`Map(${value.size})`, items, '{}', indent);
  }
  if (value instanceof Set)
    return joined(`Set(${value.size})`, listed(value, value.size, depth, indent), '{}', indent);
  const items = Object.entries(value).map(
    ([key, v]) => `${isName(key) ? key : quoted(key)}: ${inspected(v, depth + 1, indent + 2)}`,
  );
  return joined(name === 'Object' ? '' : name, items, '{}', indent);
}

/** A value inside of another one; texts have quotes. */
export function inspected(value: unknown, depth = 0, indent = 0): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'function') return value.name ? `[Function: ${value.name}]` : '[Function (anonymous)]';
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'object' && value !== null) return ofObject(value, depth, indent);
  return Object.is(value, -0) ? '-0' : String(value);
}

/** What `console.log` writes. */
export const logged = (values: readonly unknown[]): string =>
  values.map((value) => (typeof value === 'string' ? value : inspected(value))).join(' ');
