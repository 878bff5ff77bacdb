/** @file Where the students look on one image while they learn, and where the teacher does. */
import { MapView } from '../draw/looks.tsx';
import { Empty } from '../parts/notes.tsx';
import { useLoaded } from '../parts/state.ts';
import { dataInfo, dataSplit } from '../work/data.ts';
import { netWorker } from '../work/nets.ts';
import { looks } from './looks.ts';
import type { RunState, Who } from './runs.ts';
import '../draw/draw.css';

interface Props {
  readonly list: readonly { readonly who: Who; readonly run: RunState }[];
  readonly teacher: string | undefined;
  readonly data: string;
}
const index = 7; // as in the worker

export function Maps({ list, teacher, data }: Props) {
  const isShown = list.some(({ run }) => run.attention.length > 0);
  const shown = useLoaded(async () => {
    if (!isShown) return undefined;
    const [test, { mean, std }] = await Promise.all([dataSplit(data, 'test'), dataInfo(data)]);
    const image = test.pixels.slice(index * 784, (index + 1) * 784);
    if (teacher === undefined) return { image, maps: [] };
    await netWorker().call('open', teacher);
    const { attention } = await netWorker().call(
      'look',
      teacher,
      Float32Array.from(image, (byte) => (byte / 255 - mean) / std),
    );
    return { image, maps: attention };
  }, [isShown, teacher, data]);
  if (!isShown || shown.at !== 'done' || !shown.value)
    return <Empty>Maps of each stage appear with the first measure.</Empty>;
  const { image, maps } = shown.value;
  const rows = [
    ...list.map(({ who, run }) => ({ name: looks[who].name, maps: run.attention })),
    { name: 'teacher', maps },
  ];
  return (
    <div class="stack">
      {rows.map(({ name, maps: row }) => (
        <div key={name} class="maps">
          <h3>{name}</h3>
          {row.map((map) => (
            <MapView key={map.stage} {...{ map, image }} />
          ))}
          {row.length ? null : <span class="small muted">no stage is a map</span>}
        </div>
      ))}
    </div>
  );
}
