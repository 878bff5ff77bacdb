/** @file Calls of functions in a worker, and what the worker says by itself. */

/** Functions that a worker offers. */
// biome-ignore lint/suspicious/noExplicitAny: any function is allowed; its types are those of the worker's table
export type Methods = Readonly<Record<string, (...args: any[]) => unknown>>;

type Result<F> = F extends (...args: never[]) => infer R ? Awaited<R> : never;
type Args<F> = F extends (...args: infer A) => unknown ? A : never;

interface Asked {
  readonly call: number;
  readonly name: string;
  readonly args: readonly unknown[];
}
interface Answered {
  readonly call: number;
  readonly value?: unknown;
  readonly error?: string;
}
interface Told {
  readonly event: unknown;
}

export interface Remote<M extends Methods, Event> {
  call<K extends keyof M & string>(name: K, ...args: Args<M[K]>): Promise<Result<M[K]>>;
  /** Calls `listener` with each event; the function that is returned ends that. */
  on(listener: (event: Event) => void): () => void;
  /** Ends the worker; calls that run are refused. */
  end(): void;
}

/** The page's side of a worker. */
export function remote<M extends Methods, Event = never>(worker: Worker): Remote<M, Event> {
  const calls = new Map<number, { resolve(value: unknown): void; reject(e: Error): void }>();
  const listeners = new Set<(event: Event) => void>();
  let next = 0;
  const refuseAll = (reason: string): void => {
    for (const { reject } of calls.values()) reject(new Error(reason));
    calls.clear();
  };
  worker.onerror = (e) => refuseAll(e.message || 'the worker could not be loaded');
  worker.onmessage = ({ data }: MessageEvent<Answered | (Told & { readonly event: Event })>) => {
    if ('event' in data) {
      for (const listener of listeners) listener(data.event);
      return;
    }
    const call = calls.get(data.call);
    calls.delete(data.call);
    if (data.error === undefined) call?.resolve(data.value);
    else call?.reject(new Error(data.error));
  };
  return {
    call: (name, ...args) =>
      new Promise((resolve, reject) => {
        const call = next++;
        calls.set(call, { resolve: (value) => resolve(value as never), reject });
        worker.postMessage({ call, name, args } satisfies Asked);
      }),
    on: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    end: () => {
      worker.terminate();
      refuseAll('the worker was ended');
    },
  };
}

/** The worker's side: answers calls by functions of a table. */
export function serve(methods: Methods): void {
  globalThis.onmessage = async ({ data: { call, name, args } }: MessageEvent<Asked>): Promise<void> => {
    try {
      const method = Object.hasOwn(methods, name) ? methods[name] : undefined;
      if (!method) throw new Error(`the worker has no function "${name}"`);
      globalThis.postMessage({ call, value: await method(...args) } satisfies Answered);
    } catch (e) {
      globalThis.postMessage({ call, error: e instanceof Error ? e.message : String(e) } satisfies Answered);
    }
  };
}

/** Says something to the page. */
export const tell = (event: unknown): void => globalThis.postMessage({ event } satisfies Told);
