/** @file One reader's cases in a process of its own: `fuzz-run.ts READER CASES`; prints what came of them as JSON. */
import { fuzz } from './mutations.ts';

const [, , name = '', cases = ''] = process.argv;
const { messages, ...report } = fuzz(name, 0, Number(cases));
const peakMiB = process.resourceUsage().maxRSS / 1024;
process.stdout.write(JSON.stringify({ ...report, messages: messages.size, peakMiB }));
