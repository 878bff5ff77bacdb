/** @file Nets from a static HTTP server, into memory: what `pull` does with files, for browsers and programs without a disk. */
import { MoonletError } from '../src/errors.ts';
import { type Net, unpack } from '../src/weights/index.ts';
import { type Card, parseCard } from './card.ts';
import { type DownloadOptions, fetchBytes, fetchText } from './http.ts';
import { checkId, type FileName, netNamed, parseIndex, type RegistryFile } from './registry.ts';

export interface FetchNetOptions extends DownloadOptions {
  /** The address of the registry: what holds `index.json`. A page may give one relative to itself. */
  readonly from: string;
  /** The most that a net may weigh, in bytes; one gibibyte by default. */
  readonly maxBytes?: number;
  /** In place of `fetch`, such as one that adds headers. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
}
export interface FetchedNet {
  readonly net: Net;
  readonly card: Card;
}

const maxIndexBytes = 4 * 2 ** 20;

/**
 * Fetches a trained net and its card from a registry: any static server of a folder that `moonlet pull` can read. Size and sha256
 * of each file are those of the registry's index, or the net is refused.
 *
 * @param id `<dataset>/<id>`, such as `mnist/wrn-16-1`.
 * @throws UsageError for an id that the registry does not have, with the nearest one; MoonletError when bytes do not arrive, are too
 * many, or are not those that the index names.
 * @example
 * ```ts fragment
 * import { compile } from 'moonlet/engine';
 * import { fetchNet } from 'moonlet/zoo';
 *
 * const { net, card } = await fetchNet('mnist/wrn-16-1', { from: '/nets' });
 * const compiled = await compile(net);
 * ```
 */
export async function fetchNet(id: string, o: FetchNetOptions): Promise<FetchedNet> {
  checkId(id);
  const { maxBytes = 2 ** 30, fetch: send } = o;
  const root = new URL(o.from.replace(/\/*$/, '/'), globalThis.location?.href);
  const exchange = send ? { send } : {};
  const where = new URL('index.json', root).href;
  const { files } = netNamed(
    parseIndex(await fetchText(where, maxIndexBytes, o, exchange), where),
    id,
    where,
  );
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total > maxBytes)
    throw new MoonletError(`${where}: ${id} weighs ${total} bytes, and maxBytes is ${maxBytes}`);
  const verified = async (name: FileName): Promise<Uint8Array> => {
    const file = files.find((f) => f.name === name);
    if (!file) throw new MoonletError(`${where}: ${id} has no ${name}`);
    const url = new URL(`${id}/${name}`, root).href;
    return checked(url, file, await fetchBytes(url, file.bytes, o, exchange));
  };
  const text = async (name: FileName): Promise<string> => new TextDecoder().decode(await verified(name));
  const card = parseCard(await text('card.json'), new URL(`${id}/card.json`, root).href);
  const parts = { graphJson: await text('graph.json'), weights: await verified('weights.safetensors') };
  return { net: unpack(parts, new URL(id, root).href), card };
}

/** @throws MoonletError unless the bytes are those of the index. */
async function checked(
  url: string,
  { bytes, sha256 }: RegistryFile,
  content: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array> {
  if (content.length !== bytes)
    throw new MoonletError(`${url}: it has ${content.length} bytes, but the index has ${bytes}`);
  if (globalThis.crypto?.subtle === undefined)
    throw new MoonletError(
      `${url}: cannot be verified on this page; serve the page over https or from localhost`,
    );
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', content));
  const hex = [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  if (hex !== sha256) throw new MoonletError(`${url}: its sha256 is ${hex}, but the index has ${sha256}`);
  return content;
}
