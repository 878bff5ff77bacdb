/** @file On what runs train, WebGPU or WebAssembly: what the visitor chose, what the browser has, and what a check in the worker found. */
import { useEffect, useState } from 'preact/hooks';
import { adapterProblem } from '../../engine/web-gpu-adapter.ts';
import type { Engine, Tries } from '../work/engine.ts';
import { trainingThreads } from '../work/threads.ts';

/** `software` is for tests: an adapter without a graphics card counts too. */
type Wanted = 'webgpu' | 'wasm' | 'software';
const key = 'moonlet engine';

/** From the address (`?engine=wasm`), else what was chosen before. */
function wanted(): Wanted {
  const asked = new URLSearchParams(location.search).get('engine') ?? localStorage.getItem(key);
  return asked === 'wasm' || asked === 'software' ? asked : 'webgpu';
}

/** What the worker found in this visit. */
let found: Engine | undefined;
const listeners = new Set<() => void>();
const changed = (): void => {
  for (const listener of listeners) listener();
};

const adapter = (): Promise<string | undefined> => adapterProblem({ software: wanted() === 'software' });

/** Why runs do not train on WebGPU, as far as it is known; undefined where they do, or where the check is still to come. */
async function problem(): Promise<string | undefined> {
  return wanted() === 'wasm' ? 'as chosen here' : ((await adapter()) ?? found?.reason);
}

interface Choosing {
  call(name: 'choose', tries: Tries): Promise<Engine>;
}
/** Lets a worker choose on what its next run trains, and says it in the footer. */
export async function prepareToTrain(worker: Choosing): Promise<void> {
  if ((await problem()) !== undefined) {
    await worker.call('choose', 'none');
    return;
  }
  found = await worker.call('choose', wanted() === 'software' ? 'software' : 'hardware');
  changed();
}

const threads = trainingThreads();
const onWasm = globalThis.crossOriginIsolated
  ? `${threads === 1 ? 'one thread' : `${threads} threads`} of WebAssembly on ${navigator.hardwareConcurrency} cores`
  : 'one thread of WebAssembly, since this server does not isolate the page';

async function line(): Promise<string> {
  const reason = await problem();
  if (reason !== undefined) return `A run trains on ${onWasm}: ${reason}`;
  return found?.summary ?? `A run trains on WebGPU if that passes a check, and else on ${onWasm}`;
}

/** The part of the footer that says it, with a switch where there is a choice. */
export function EngineLine() {
  const [text, setText] = useState('');
  const [hasAdapter, setHasAdapter] = useState(false);
  useEffect(() => {
    const follow = (): void => void line().then(setText);
    listeners.add(follow);
    follow();
    void adapter().then((none) => setHasAdapter(none === undefined));
    return () => void listeners.delete(follow);
  }, []);
  const choose = (isGpu: boolean): void => {
    localStorage.setItem(key, isGpu ? 'webgpu' : 'wasm');
    history.replaceState(null, '', `${location.pathname}${location.hash}`); // what the address said no longer counts
    changed();
  };
  return (
    <>
      <span data-engine>{text}</span>
      {hasAdapter && (
        <label>
          <input
            type="checkbox"
            checked={wanted() !== 'wasm'}
            onChange={(e) => choose(e.currentTarget.checked)}
          />{' '}
          WebGPU, from the next run on
        </label>
      )}
    </>
  );
}
