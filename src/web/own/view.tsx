/** @file Bring your own: a net and pictures, which stay in the browser; count, look, classify, quantize, export. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import { catalogue } from 'virtual:catalogue';
import { cost, type Graph, graphs } from '../../index.ts';
import { Counts } from '../explore/net.tsx';
import { save } from '../parts/download.ts';
import { bytes, milliseconds, ratio } from '../parts/format.ts';
import { GraphView } from '../parts/graph/view.tsx';
import { Empty, Note } from '../parts/notes.tsx';
import { messageOf } from '../parts/state.ts';
import { dataInfo } from '../work/data.ts';
import { netWorker } from '../work/nets.ts';
import type { Brought, Form, Format, Guess, OwnNet, Quantized } from '../work/own.ts';
import { DropZone } from './drop.tsx';
import { type Found, sorted } from './files.ts';
import { Gallery } from './gallery.tsx';
import { type How, preparationOf, presets, usualHow } from './preparation.ts';
import './own.css';

/** Names of classes: those that were dropped, of the dataset, of ImageNet, or numbers. */
async function labelsOf(graph: Graph, data: string | undefined): Promise<readonly string[]> {
  const classes = graphs.classesOf(graph);
  if (data !== undefined) return (await dataInfo(data).catch(() => undefined))?.classNames ?? [];
  if (classes === 1000) return (await import('../../import/imagenet-labels.ts')).imagenetLabels;
  return [];
}

interface Opened extends OwnNet {
  readonly name: string;
}

export function Own() {
  const [net, setNet] = useState<Opened | undefined>();
  const [integers, setIntegers] = useState<Quantized | undefined>();
  const [form, setForm] = useState<Form>('float');
  const [how, setHow] = useState<How>({ mean: '0', std: '1', crop: '1' });
  const [labels, setLabels] = useState<readonly string[]>([]);
  const [pictures, setPictures] = useState<readonly Found[]>([]);
  const [guesses, setGuesses] = useState<readonly (readonly Guess[])[]>([]);
  const [times, setTimes] = useState<Partial<Record<Form, number>>>({});
  const [busy, setBusy] = useState<string | undefined>();
  const [problem, setProblem] = useState<string | undefined>();
  const doing = async (what: string, work: () => Promise<void>): Promise<void> => {
    setBusy(what);
    setProblem(undefined);
    try {
      await work();
    } catch (e) {
      setProblem(messageOf(e));
    } finally {
      setBusy(undefined);
    }
  };
  const open = (brought: Brought, given?: readonly string[], card?: string): Promise<void> =>
    doing('reading the net', async () => {
      const opened = await netWorker().call('openOwn', brought);
      setNet({ ...opened, name: brought.kind === 'shipped' ? brought.id : brought.name });
      setIntegers(undefined);
      setForm('float');
      setGuesses([]);
      setTimes({});
      setHow(usualHow(opened.graph, opened.card ?? (card === undefined ? undefined : JSON.parse(card))));
      setLabels(given ?? (await labelsOf(opened.graph, opened.card?.data)));
    });
  const take = (found: readonly Found[]): Promise<void> =>
    doing('reading files', async () => {
      const { net: brought, pictures: list, labels: names, card } = await sorted(found);
      if (!brought && !list.length && !names)
        throw new Error('nothing here can be read: drop an .onnx file, graph.json with weights.safetensors, pictures, or labels.txt');
      if (list.length) setPictures(list);
      if (brought) await open(brought, names, card);
      else if (names) setLabels(names);
    });
  useEffect(() => {
    if (!net || !pictures.length) return;
    void doing('classifying', async () => {
      const blobs = pictures.slice(0, most).map(({ file }) => file);
      setGuesses(await netWorker().call('classifyOwn', form, blobs, preparationOf(net.graph, how)));
    });
  }, [net, pictures, form, how]);
  const quantizeNow = (): void =>
    void doing('quantizing', async () => {
      setIntegers(await netWorker().call('quantizeOwn'));
      setForm('int8');
    });
  const time = (): void =>
    void doing('measuring', async () => {
      const float = await netWorker().call('latencyOwn', 'float');
      setTimes(integers ? { float, int8: await netWorker().call('latencyOwn', 'int8') } : { float });
    });
  const write = (format: Format): void =>
    void doing('writing', async () => {
      const file = await netWorker().call('writeOwn', form, format);
      save(file.name, file.bytes);
    });
  return (
    <>
      <header>
        <h1>Bring your own</h1>
        <p>An ONNX file, a student of Moonlet, a folder of pictures: they are read here and go nowhere else.</p>
      </header>
      <div class="grid own">
        <div class="stack">
          <article class="card" aria-label="Files">
            <DropZone onFiles={(found) => void take(found)} />
            <label class="field" style={{ marginTop: '12px' }}>
              or a net of the zoo
              <select value={net?.card?.id ?? ''} onChange={(e) => e.currentTarget.value && void open({ kind: 'shipped', id: e.currentTarget.value })}>
                <option value="">choose …</option>
                {catalogue.entries
                  .filter(({ kind }) => kind === 'student' || kind === 'teacher')
                  .map(({ id, block }) => (
                    <option key={id} value={id}>
                      {id} {block ?? ''}
                    </option>
                  ))}
              </select>
            </label>
            <p class="small muted status" role="status">
              {busy ? (
                <>
                  <i class="busy" /> {busy} …
                </>
              ) : net ? (
                `${net.name}${net.producer ? `, written by ${net.producer}` : ''}`
              ) : (
                'no net yet'
              )}
            </p>
            {problem ? <Note kind="error">{problem}</Note> : null}
          </article>
          {net ? (
            <article class="card stack" aria-label="What to do">
              <Forms {...{ net, integers, form, setForm, times }} />
              <div class="row">
                <button type="button" class="primary" disabled={busy !== undefined || integers !== undefined} onClick={quantizeNow}>
                  Quantize to int8
                </button>
                <button type="button" disabled={busy !== undefined} onClick={time}>
                  Measure
                </button>
              </div>
              <p class="small muted">
                {integers
                  ? integers.calibratedBy
                    ? `Weights and values are integers, calibrated on ${integers.calibratedBy} pictures.`
                    : 'Weights are integers, values are floats: no picture was there to calibrate on.'
                  : pictures.length
                    ? `The first ${Math.min(64, pictures.length)} pictures calibrate.`
                    : 'With pictures, values between layers become integers too.'}
              </p>
              <h3>Download {form === 'int8' ? 'the integers' : ''}</h3>
              <div class="row">
                {formats.map(([format, name]) => (
                  <button key={format} type="button" disabled={busy !== undefined} onClick={() => write(format)}>
                    {name}
                  </button>
                ))}
              </div>
              <h3>Pictures become inputs</h3>
              <Fields {...{ how, setHow }} />
            </article>
          ) : null}
        </div>
        <div class="stack">
          <article class="card" aria-label="Net">
            {net ? <NetOf graph={form === 'int8' && integers ? integers.graph : net.graph} /> : <Empty>The graph and the costs of your net appear here.</Empty>}
          </article>
          <article class="card" aria-label="Pictures">
            <header>
              <h2>Pictures</h2>
            </header>
            <Gallery {...{ pictures, guesses, labels }} most={most} hasNet={net !== undefined} />
          </article>
        </div>
      </div>
    </>
  );
}
/** Pictures that are classified and shown. */
const most = 240;
const formats: readonly (readonly [format: Format, name: string])[] = [
  ['onnx', 'ONNX'],
  ['safetensors', 'safetensors'],
  ['tfjs', 'TensorFlow.js'],
  ['source', 'TypeScript'],
];

function NetOf({ graph }: { readonly graph: Graph }) {
  const counted = useMemo(() => cost(graph), [graph]);
  return (
    <div class="stack">
      <h2>{graph.name}</h2>
      <Counts result={{ graph, cost: counted }} other={undefined} latency={undefined} />
      <GraphView graph={graph} tallest={420} />
    </div>
  );
}

interface FormsProps {
  readonly net: OwnNet;
  readonly integers: Quantized | undefined;
  readonly form: Form;
  setForm(form: Form): void;
  readonly times: Partial<Record<Form, number>>;
}

function Forms({ net, integers, form, setForm, times }: FormsProps) {
  const rows = [
    ['float', 'float32', net.bytes],
    ['int8', 'int8', integers?.bytes],
  ] as const;
  return (
    <table>
      <thead>
        <tr>
          <th>form</th>
          <th class="number">bytes</th>
          <th class="number">latency</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(([id, name, size]) => (
          <tr key={id} aria-selected={id === form}>
            <td>
              <button type="button" class="link" aria-pressed={id === form} disabled={size === undefined} onClick={() => setForm(id)}>
                {name}
              </button>
            </td>
            <td class="number">
              {size === undefined ? '–' : bytes(size)} {size !== undefined && id === 'int8' ? <span class="muted">{ratio(net.bytes, size)}</span> : null}
            </td>
            <td class="number">{times[id] === undefined ? '–' : milliseconds(times[id])}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Fields({ how, setHow }: { readonly how: How; setHow(how: How): void }) {
  const fields = [
    ['mean', 'mean of each channel, from 0 to 1'],
    ['std', 'deviation of each channel'],
    ['crop', 'share that the crop takes'],
  ] as const;
  const current = presets.find(([, known]) => JSON.stringify(known) === JSON.stringify(how))?.[0] ?? '';
  return (
    <div class="stack">
      <label class="field">
        as usual for
        <select
          value={current}
          onChange={(e) => {
            const chosen = presets.find(([name]) => name === e.currentTarget.value);
            if (chosen) setHow(chosen[1]);
          }}
        >
          <option value="">numbers of your own</option>
          {presets.map(([name]) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {fields.map(([key, name]) => (
        <label key={key} class="field">
          {name}
          <input type="text" value={how[key]} onChange={(e) => setHow({ ...how, [key]: e.currentTarget.value })} />
        </label>
      ))}
    </div>
  );
}
