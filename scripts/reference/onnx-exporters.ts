/** @file The Python processes that export nets to ONNX: one with PyTorch, and one with TensorFlow for tf2onnx. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface Exporter {
  /** Sends a request; its answers come in order. */
  ask(request: object): void;
  answer(): Promise<{ error?: string; opset?: number }>;
  end(): Promise<void>;
}

/** The process of an exporter, started when it is first needed; undefined where its interpreter lacks the packages. */
export function exporterOf(started: Map<string, Exporter>, exporter: string): Exporter | undefined {
  const backend = exporter === 'tf2onnx' ? 'tensorflow' : 'torch';
  const known = started.get(backend);
  if (known) return known;
  const python = interpreterOf(backend);
  if (python === undefined) return undefined;
  const made = start(python, backend);
  started.set(backend, made);
  return made;
}

const lacking = new Set<string>();
function interpreterOf(backend: string): string | undefined {
  const usual = process.env['MOONLET_PYTHON'] ?? 'python3';
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

function start(python: string, backend: string): Exporter {
  const child = spawn(python, ['scripts/reference/onnx_nets.py'], {
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
