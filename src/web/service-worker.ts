/** @file The service worker: the page, its nets and its digits work without a network after the first visit. */
declare const FILES: string[];
declare const VERSION: string;

// What a service worker has as globals; TypeScript's DOM types do not know them.
interface Extendable extends Event {
  waitUntil(done: Promise<unknown>): void;
}
interface Fetching extends Extendable {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}
declare function addEventListener(type: 'install' | 'activate', listener: (event: Extendable) => void): void;
declare function addEventListener(type: 'fetch', listener: (event: Fetching) => void): void;
declare function skipWaiting(): Promise<void>;
declare const clients: { claim(): Promise<void> };

const name = `moonlet ${VERSION}`;

async function keepFiles(): Promise<void> {
  const cache = await caches.open(name);
  // a server may lack data and WebAssembly; what is missing is asked for again when it is needed
  await Promise.all(FILES.map((file) => cache.add(file).catch(() => {})));
  await skipWaiting();
}

async function removeOld(): Promise<void> {
  const old = (await caches.keys()).filter((key) => key.startsWith('moonlet ') && key !== name);
  await Promise.all(old.map((key) => caches.delete(key)));
  await clients.claim();
}

/** From the cache; else from the server, and then into the cache. */
async function answer(request: Request): Promise<Response> {
  const cache = await caches.open(name);
  const kept = await cache.match(request, { ignoreSearch: true });
  if (kept) return kept;
  const response = await fetch(request);
  if (response.ok) await cache.put(request, response.clone());
  return response;
}

addEventListener('install', (event) => event.waitUntil(keepFiles()));
addEventListener('activate', (event) => event.waitUntil(removeOld()));
addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method === 'GET' && new URL(request.url).origin === location.origin)
    event.respondWith(answer(request));
});

export {};
