/** @file An .onnx file of any library as a net, with the files beside it that hold its weights. */
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import { codeOf, MoonletError, quote } from '../src/errors.ts';
import { type FromOnnxOptions, fromOnnx, type OnnxNet } from '../src/import/onnx/index.ts';

/** More bytes than a compact net has; ONNX itself ends at 2 GB. */
const longest = 2 ** 31 - 1;

/**
 * The net of an .onnx file.
 *
 * @throws MoonletError when the file cannot be read, is damaged, or has an op without a counterpart; weights in other files
 * are read only from the folder of the model.
 * @example
 * import { mkdtempSync, writeFileSync } from 'node:fs';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { graph, init, input } from 'moonlet';
 * import { toOnnx } from 'moonlet/export';
 * import { readOnnxFile } from 'moonlet/zoo';
 *
 * const file = join(mkdtempSync(join(tmpdir(), 'onnx-')), 'line.onnx');
 * writeFileSync(file, toOnnx(init(graph('line', input(3).dense(2)), { seed: 1 })));
 * console.log(readOnnxFile(file).graph.name); // line
 */
export function readOnnxFile(
  path: string,
  options: Omit<FromOnnxOptions, 'external' | 'shared'> = {},
): OnnxNet {
  const known = new Map<string, Uint8Array>();
  const external = (location: string): Uint8Array => {
    const before = known.get(location);
    if (before) return before;
    const bytes = readBeside(path, location);
    known.set(location, bytes);
    return bytes;
  };
  try {
    const net = fromOnnx(bytesOf(path), { ...options, external, shared: true });
    const isNamed =
      options.name !== undefined ||
      !/^(main_graph|torch[-_]jit.*|onnx|tf2onnx|graph|model)?$/i.test(net.graph.name);
    return isNamed ? net : { ...net, graph: { ...net.graph, name: basename(path).replace(/\.onnx$/i, '') } };
  } catch (e) {
    if (!(e instanceof MoonletError) || e.message.startsWith(path)) throw e;
    e.message = `${path}: ${e.message}`;
    throw e;
  }
}

function bytesOf(path: string): Uint8Array {
  try {
    if (statSync(path).size > longest) throw new MoonletError(`${path}: more than ${longest} bytes`);
    return readFileSync(path);
  } catch (e) {
    if (e instanceof MoonletError) throw e;
    throw new MoonletError(`${path}: cannot be read (${codeOf(e) ?? String(e)})`);
  }
}

/** A file in the folder of the model, also behind links. */
function readBeside(path: string, location: string): Uint8Array {
  const folder = dirname(path);
  const file = join(folder, location);
  let isInside = false;
  try {
    isInside = realpathSync(file).startsWith(`${realpathSync(folder)}${sep}`);
  } catch (e) {
    throw new MoonletError(
      `${file}: cannot be read (${codeOf(e) ?? String(e)}); the model keeps its weights there`,
    );
  }
  if (!isInside)
    throw new MoonletError(
      `the weights in ${quote(location)} are outside the folder of the model; move that file there`,
    );
  return bytesOf(file);
}
