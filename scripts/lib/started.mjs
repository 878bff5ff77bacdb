/**
 * @file Starts a program of the scripts folder in this process. Those that read their options by `parseArgs`, or that are chosen by name
 * and do not use commander, have no help of their own: `--help` prints the header of the file. An option that is not known is one line, and so is an error of ours. Plain JavaScript, since setup.mjs imports it.
 */
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** Errors of ours that say what to do, in one line. */
const ours = new Set(['MoonletError', 'UsageError', 'Refusal', 'ShapeError']);

/**
 * @param {string} path
 * @param {readonly string[]} args what stands behind the program in `process.argv`
 * @param {boolean} chosen whether the program is one of a folder, by its name
 */
export async function started(path, args, chosen = false) {
  const text = path.endsWith('.ts') ? readFileSync(path, 'utf8') : '';
  const isPlain = text.includes('parseArgs(');
  const hasHelp = !isPlain && (!chosen || text.includes("from 'commander'"));
  if (!hasHelp && args.some((arg) => arg === '--help' || arg === '-h')) {
    console.log(headerOf(text));
    return;
  }
  try {
    await import(pathToFileURL(path).href);
  } catch (e) {
    if (ours.has(e?.name)) {
      console.error(e.message);
      process.exit(e.name === 'UsageError' ? 2 : 1);
    }
    if (!isPlain || !String(e?.code).startsWith('ERR_PARSE_ARGS')) throw e;
    console.error(`${e.message.split('. ')[0]}; --help says what there is`);
    process.exitCode = 2;
  }
}

/** The words of the first comment. @param {string} text */
function headerOf(text) {
  const [, header = ''] = text.match(/\/\*\*([\s\S]*?)\*\//) ?? [];
  return header
    .replace(/^\s*\* ?/gm, '')
    .replace('@file ', '')
    .trim();
}
