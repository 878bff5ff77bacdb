/**
 * @file The Python processes that export nets to ONNX: one with PyTorch, and one with TensorFlow for tf2onnx; the lists of names, and
 * the files that they write.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** A net of a list of names, which are by library and family. */
export interface NetName {
  readonly library: string;
  readonly family: string;
  readonly name: string;
}
/** The nets of a list, in its order. */
export function netsIn(file: string): readonly NetName[] {
  const list: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = JSON.parse(
    readFileSync(file, 'utf8'),
  );
  return Object.entries(list).flatMap(([library, families]) =>
    Object.entries(families).flatMap(([family, names]) => names.map((name) => ({ library, family, name }))),
  );
}

/** Height and width of the inputs: those that a net of fixed size asks for by its name, else small ones. */
export function sizeOf(name: string): number {
  const [, own] = /_(\d{3})(?=[._]|$)/.exec(name) ?? [];
  if (/levit|efficientformer|poolformer|swiftformer|fastvit|mobilevit|edgenext|repvit|tiny_vit/.test(name))
    return own ? Number(own) : 224;
  return /inception|xception|nasnet|alexnet|vgg/i.test(name) ? 128 : 64;
}

/** The float32 numbers of a file. */
export const floatsIn = (file: string): Float32Array =>
  new Float32Array(new Uint8Array(readFileSync(file)).buffer);

export interface Exporter<Extra extends object = object> {
  /** Sends a request; its answers come in order. */
  ask(request: object): void;
  answer(): Promise<Extra & { readonly error?: string; readonly opset?: number }>;
  end(): Promise<void>;
}

/** The process of an exporter, started when it is first needed; undefined where its interpreter lacks the packages. */
export function exporterOf(started: Map<string, Exporter>, exporter: string): Exporter | undefined {
  const backend = exporter === 'tf2onnx' ? 'tensorflow' : 'torch';
  const known = started.get(backend);
  if (known) return known;
  const python = interpreterOf(backend);
  if (python === undefined) return undefined;
  const made = startExporter('onnx_nets.py', python, backend);
  started.set(backend, made);
  return made;
}

/** The Python that is asked for. */
export const usual = process.env['MOONLET_PYTHON'] ?? 'python3';

const lacking = new Set<string>();
function interpreterOf(backend: string): string | undefined {
  if (backend === 'torch') return usual;
  const python = process.env['MOONLET_TENSORFLOW_PYTHON'] ?? usual;
  if (lacking.has(backend)) return undefined;
  if (spawnSync(python, ['-c', 'import tensorflow, keras, tf2onnx, onnxruntime']).status === 0) return python;
  lacking.add(backend);
  console.log(
    `references: tf2onnx not checked, since ${python} lacks tensorflow, keras or tf2onnx; set MOONLET_TENSORFLOW_PYTHON to one that has them`,
  );
  return undefined;
}

/** Starts a program of this folder, which answers each request by as many lines as it has ways to export. */
export function startExporter<Extra extends object>(
  program: string,
  python = usual,
  backend = 'torch',
): Exporter<Extra> {
  const child = spawn(python, [`scripts/reference/${program}`], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, KERAS_BACKEND: backend },
  });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    ask: (request) => child.stdin.write(`${JSON.stringify(request)}\n`),
    async answer() {
      const { value, done } = await answers.next();
      if (done) throw new Error('the exporter ended');
      return JSON.parse(value);
    },
    async end() {
      child.stdin.end();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}
