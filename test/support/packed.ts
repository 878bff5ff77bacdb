/** @file Committed files that are packed by gzip. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** A file of test/import/files, as the library wrote it. */
export const fileOf = (name: string): Uint8Array =>
  gunzipSync(readFileSync(new URL(`../import/files/${name}.gz`, import.meta.url)));
