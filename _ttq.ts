import { loadDataset } from './src/data/index.ts';
import { compress, parseSteps } from './src/compress/index.ts';
import { loadStudent } from './zoo/index.ts';
const [,, id, data, ...chains] = process.argv;
const d = await loadDataset(data!);
for (const c of chains) {
  const t = process.cpuUsage();
  try {
  const { rows } = await compress(loadStudent(id!), parseSteps(c), { data: d, runs: 0, seed: 1 });
  const u = process.cpuUsage(t);
  console.log(c, rows.map((r) => ((r.accuracy ?? 0) * 100).toFixed(2)).join(' '), rows.at(-1)?.bytes, ((u.user + u.system) / 1e6).toFixed(0) + ' s CPU');
  } catch (e) { console.log(c, e); }
}
