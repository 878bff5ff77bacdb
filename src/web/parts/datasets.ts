/** @file The datasets of the nets in the catalogue, and the entries of one. */
import { catalogue } from 'virtual:catalogue';
import { dataNames, type Entry } from '../catalogue.ts';

/** Each dataset on which a net was measured, with its name for people. */
export const shownDatasets: readonly (readonly [id: string, name: string])[] = [
  ...new Set(catalogue.entries.flatMap(({ data }) => data ?? [])),
].map((id) => [id, dataNames[id] ?? id] as const);

export const entryNamed = (id: string | null | undefined): Entry | undefined =>
  catalogue.entries.find((entry) => entry.id === id);

/** The dataset of a net, by its id. */
export const dataOf = (id: string): string | undefined => entryNamed(id)?.data;
