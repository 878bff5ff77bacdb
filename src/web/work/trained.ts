/** @file Nets that were trained in the page: other views offer them. */
import { useEffect, useState } from 'preact/hooks';
import type { Net } from '../../weights/index.ts';

export interface Trained {
  readonly name: string;
  /** The dataset that it classifies. */
  readonly data: string;
  readonly net: Net;
}
let list: readonly Trained[] = [];
const listeners = new Set<() => void>();

/** Adds a net; one of the same name gives way. */
export function keepTrained(trained: Trained): void {
  list = [trained, ...list.filter(({ name }) => name !== trained.name)];
  for (const listener of listeners) listener();
}

export function useTrained(): readonly Trained[] {
  const [, renew] = useState(0);
  useEffect(() => {
    const listener = (): void => renew((n) => n + 1);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
  return list;
}
