/** @file Nets exported to ONNX by their own libraries, one after another, through one Python process. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Names of nets by library and family. */
export type NetNames = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
/** One net of a library, to be exported by one exporter at one operator set. */
export interface Request {
  readonly library: string;
  readonly family: string;
  readonly name: string;
  readonly exporter: string;
  readonly opset: number;
}
/** What the Python side answers; `Extra` is what its program adds. */
export type Answer<Extra> = Extra & { readonly opset?: number; readonly error?: string };

const python = process.env['MOONLET_PYTHON'] ?? 'python3';

/** Why the Python that is asked for cannot do it; undefined when it can. */
export function lacking(modules: readonly string[]): string | undefined {
  const found = `import sys
from importlib.util import find_spec
sys.exit(any(find_spec(name) is None for name in ${JSON.stringify(modules)}))`;
  if (spawnSync(python, ['-c', found]).status === 0) return undefined;
  return `${python} lacks one of ${modules.join(', ')}; set MOONLET_PYTHON to a Python that has them`;
}

/** The nets of a file of names, in its order. */
export const netsIn = (file: string): readonly Pick<Request, 'library' | 'family' | 'name'>[] =>
  Object.entries(JSON.parse(readFileSync(file, 'utf8')) as NetNames).flatMap(([library, families]) =>
    Object.entries(families).flatMap(([family, names]) => names.map((name) => ({ library, family, name }))),
  );

/** Sizes that a net of fixed size asks for by its name. */
const sizeOf = (name: string): number => {
  const [, own] = /_(\d{3})(?=[._]|$)/.exec(name) ?? [];
  if (/levit|efficientformer|poolformer|swiftformer|fastvit|mobilevit|edgenext|repvit|tiny_vit/.test(name))
    return own ? Number(own) : 224;
  return /inception|xception|nasnet|alexnet|vgg/i.test(name) ? 128 : 64;
};

/** A folder with `model.onnx`, `x.f32` and `y.f32` of the net that was asked for last. */
export interface Exporter<Extra> {
  readonly folder: string;
  ask(request: Request): Promise<Answer<Extra>>;
  /** Removes the files of the last net. */
  clear(): void;
  end(): Promise<void>;
}

/** Starts a Python program of this folder. */
export function exporter<Extra>(program: string): Exporter<Extra> {
  const folder = mkdtempSync(join(tmpdir(), 'onnx-nets-'));
  const child = spawn(python, [join('scripts', 'reference', program), folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    folder,
    ask: async (request) => {
      child.stdin.write(`${JSON.stringify({ ...request, size: sizeOf(request.name) })}\n`);
      const { value, done } = await answers.next();
      if (done) throw new Error('the exporter ended');
      return JSON.parse(value);
    },
    clear: () => {
      for (const file of ['model.onnx', 'model.onnx.data', 'x.f32', 'y.f32'])
        rmSync(join(folder, file), { force: true });
    },
    end: async () => {
      child.stdin.end();
      await once(child, 'exit');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The float32 numbers of a file. */
export const floatsIn = (file: string): Float32Array =>
  new Float32Array(new Uint8Array(readFileSync(file)).buffer);

/** A log of results, one line of JSON each; nothing is kept without a file. */
export const resultsLog = <Result>(file: string | undefined) => ({
  read: (): readonly Result[] =>
    file !== undefined && existsSync(file)
      ? readFileSync(file, 'utf8')
          .split('\n')
          .filter((line) => line !== '')
          .map((line): Result => JSON.parse(line))
      : [],
  add: (result: Result): void => {
    if (file !== undefined) appendFileSync(file, `${JSON.stringify(result)}\n`);
  },
});
