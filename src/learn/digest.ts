/** @file SHA-256 of JSON values and typed arrays, to compare what two runs depend on. */

/** The hash of these parts in turn, as 64 hexadecimal digits. Arrays are hashed in chunks, so that none is copied whole. */
export async function digest(parts: readonly (string | ArrayBufferView)[]): Promise<string> {
  const hashes: Uint8Array[] = [];
  for (const part of parts) {
    const bytes = typeof part === 'string' ? new TextEncoder().encode(part) : bytesOf(part);
    for (let from = 0; from === 0 || from < bytes.length; from += chunk)
      hashes.push(await sha256(bytes.subarray(from, from + chunk)));
    hashes.push(new TextEncoder().encode(`${bytes.length};`));
  }
  const all = new Uint8Array(hashes.reduce((n, h) => n + h.length, 0));
  let at = 0;
  for (const hash of hashes) {
    all.set(hash, at);
    at += hash.length;
  }
  return Array.from(await sha256(all), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

const chunk = 2 ** 26;
const bytesOf = (view: ArrayBufferView): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
const sha256 = async (bytes: Uint8Array): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(bytes)));

/** A hash with the prefix by which `differences` knows that its digits say nothing to a person. */
export const hashed = async (parts: readonly (string | ArrayBufferView)[]): Promise<string> =>
  `${hashMark}${(await digest(parts)).slice(0, 16)}`;
/** The prefix of a hash in a run's identity. */
export const hashMark = 'sha256:';

/** A value as JSON has it, with a hash for each typed array; numbers that JSON lacks are words. */
export async function plain(value: unknown): Promise<unknown> {
  if (ArrayBuffer.isView(value)) return hashed([value]);
  if (Array.isArray(value)) return Promise.all(value.map(plain));
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (typeof value === 'function') return hashed([String(value)]);
  if (typeof value !== 'object' || value === null) return value;
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return Object.fromEntries(
    await Promise.all(entries.map(async ([key, v]) => [String(key), await plain(v)] as const)),
  );
}
