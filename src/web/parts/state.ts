/** @file Small hooks that several views share. */
import { useEffect, useRef, useState } from 'preact/hooks';

/** What came of a promise: nothing yet, a value, or an error's message. */
export type Loaded<T> =
  | { readonly at: 'busy' }
  | { readonly at: 'done'; readonly value: T }
  | { readonly at: 'failed'; readonly message: string };

export const messageOf = (e: unknown): string => (e instanceof Error ? e.message : String(e));

/** Runs `make` again when `keys` change; a result that comes late is dropped. */
export function useLoaded<T>(make: () => Promise<T>, keys: readonly unknown[]): Loaded<T> {
  const [state, setState] = useState<Loaded<T>>({ at: 'busy' });
  useEffect(() => {
    let isCurrent = true;
    setState({ at: 'busy' });
    make().then(
      (value) => isCurrent && setState({ at: 'done', value }),
      (e: unknown) => isCurrent && setState({ at: 'failed', message: messageOf(e) }),
    );
    return () => {
      isCurrent = false;
    };
  }, keys);
  return state;
}

/** The size of an element, which follows it. */
export function useSize<T extends Element>(): [
  ref: (element: T | null) => void,
  width: number,
  height: number,
] {
  const [size, setSize] = useState<readonly [number, number]>([0, 0]);
  const observer = useRef<ResizeObserver | undefined>(undefined);
  const [ref] = useState(() => (element: T | null): void => {
    observer.current?.disconnect();
    if (!element) return;
    observer.current = new ResizeObserver(([entry]) => {
      const box = entry?.contentRect;
      if (box) setSize([box.width, box.height]);
    });
    observer.current.observe(element);
  });
  return [ref, size[0], size[1]];
}

/** The part of the address behind `#/VIEW?`, and a function that changes it without a new entry of the history. */
export const addressOf = (): { readonly view: string; readonly query: URLSearchParams } => {
  const [view = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  return { view: view || 'explore', query: new URLSearchParams(query) };
};
export function setQuery(view: string, query: URLSearchParams): void {
  const text = query.toString();
  history.replaceState(null, '', `#/${view}${text ? `?${text}` : ''}`);
}
