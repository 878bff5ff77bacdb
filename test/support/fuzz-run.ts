/** @file One reader's cases in a process of its own: `fuzz-run.ts READER CASES`; prints what came of them as JSON. */
import { peakMiB } from '../../src/bench/memory-of.ts';
import { fuzz } from './mutations.ts';

const [, , name = '', cases = ''] = process.argv;
const { messages, ...report } = fuzz(name, 0, Number(cases));
process.stdout.write(JSON.stringify({ ...report, messages: messages.size, peakMiB: peakMiB() }));
