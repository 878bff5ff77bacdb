/**
 * @file Writes down how a teacher responds to its training images, for data-free distillation:
 * `npm run zoo -- metadata mnist/wrn-16-1`. The record stands beside the teacher.
 */
import { join } from 'node:path';
import { Command } from 'commander';
import { count, print } from '../../src/cli/say.ts';
import { loadDataset } from '../../src/data/index.ts';
import { writeAtomically } from '../../src/files/index.ts';
import { packMetadata, recordMetadata } from '../../src/learn/distill/index.ts';
import { zooFolder } from '../../zoo/folders.ts';
import { loadStudent, readCard } from '../../zoo/students.ts';

const [name] = new Command().argument('<student>', 'such as mnist/wrn-16-1').parse().args as [string];
const data = await loadDataset(readCard(name).data);
const bytes = packMetadata(await recordMetadata(loadStudent(name), data.train, data));
const path = join(zooFolder('students'), name, 'metadata.safetensors');
writeAtomically(path, bytes);
print(
  `${path}: ${count(bytes.length)} bytes from ${count(data.train.count)} training images of ${data.name}`,
);
