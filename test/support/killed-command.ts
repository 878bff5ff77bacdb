/** @file A command in a process that kills itself at an operation on files: `killed-command.ts ROOT STEP WORDS...`. */
import { moonlet } from '../../src/cli/program.ts';
import { dyingDisk } from './dying-disk.ts';

const [root = '', step = '', ...words] = process.argv.slice(2);
dyingDisk(root, Number(step), 'kill', () => process.kill(process.pid, 'SIGKILL'));
process.exitCode = await moonlet(words);
