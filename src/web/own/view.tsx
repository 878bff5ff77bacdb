/** @file Bring your own: a net and pictures, which stay in the browser; count, look, classify, quantize, export. */

import { catalogue } from 'virtual:catalogue';
import { useMemo } from 'preact/hooks';
import { cost } from '../../index.ts';
import { Counts } from '../explore/net.tsx';
import { bytes, milliseconds, ratio } from '../parts/format.ts';
import { GraphView } from '../parts/graph/view.tsx';
import { Empty, Note } from '../parts/notes.tsx';
import type { Form, Format, OwnNet, Quantized } from '../work/own.ts';
import { DropZone } from './drop.tsx';
import { Gallery } from './gallery.tsx';
import { type How, presets } from './preparation.ts';
import { most, type OwnState, useOwn } from './state.ts';
import './own.css';

export function Own() {
  const own = useOwn();
  const { net, integers, form, labels, pictures, guesses, busy, problem } = own;
  return (
    <>
      <header>
        <h1>Bring your own</h1>
        <p>
          An ONNX file, a student of Moonlet, a folder of pictures: they are read here and go nowhere else.
        </p>
      </header>
      <div class="grid own">
        <div class="stack">
          <article class="card" aria-label="Files">
            <DropZone onFiles={(found) => own.take(found)} />
            <label class="field" style={{ marginTop: '12px' }}>
              or a net of the zoo
              <select
                value={net?.card?.id ?? ''}
                onChange={(e) =>
                  e.currentTarget.value && own.open({ kind: 'shipped', id: e.currentTarget.value })
                }
              >
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
          {net ? <Work own={own} net={net} /> : null}
        </div>
        <div class="stack">
          <article class="card" aria-label="Net">
            {net ? (
              <NetOf {...(form === 'int8' && integers ? integers : net)} />
            ) : (
              <Empty>The graph and the costs of your net appear here.</Empty>
            )}
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
const formats: readonly (readonly [format: Format, name: string])[] = [
  ['onnx', 'ONNX'],
  ['safetensors', 'safetensors'],
  ['tfjs', 'TensorFlow.js'],
  ['source', 'TypeScript'],
];

/** What can be done with the net. */
function Work({ own, net }: { readonly own: OwnState; readonly net: OwnNet }) {
  const { integers, form, setForm, times, busy, pictures, how, setHow } = own;
  const isCalibratable = integers?.calibratedBy === 0 && pictures.length > 0;
  return (
    <article class="card stack" aria-label="What to do">
      <Forms {...{ net, integers, form, setForm, times }} />
      <div class="row">
        <button
          type="button"
          class="primary"
          disabled={busy !== undefined || (integers !== undefined && !isCalibratable)}
          onClick={own.quantize}
        >
          {isCalibratable ? 'Quantize with the pictures' : 'Quantize to int8'}
        </button>
        <button type="button" disabled={busy !== undefined} onClick={own.time}>
          Measure latency
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
      <h2 class="minor">Download {form === 'int8' ? 'the integers' : ''}</h2>
      <div class="row">
        {formats.map(([format, name]) => (
          <button key={format} type="button" disabled={busy !== undefined} onClick={() => own.write(format)}>
            {name}
          </button>
        ))}
      </div>
      <h2 class="minor">Pictures become inputs</h2>
      <Fields {...{ how, setHow }} />
    </article>
  );
}

function NetOf({ graph, bytes: stored }: Pick<OwnNet, 'graph' | 'bytes'>) {
  const counted = useMemo(() => cost(graph), [graph]);
  return (
    <div class="stack">
      <h2>{graph.name}</h2>
      <Counts result={{ graph, cost: counted }} other={undefined} latency={undefined} stored={stored} />
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
              <button
                type="button"
                class="link"
                aria-pressed={id === form}
                disabled={size === undefined}
                onClick={() => setForm(id)}
              >
                {name}
              </button>
            </td>
            <td class="number">
              {size === undefined ? '–' : bytes(size)}{' '}
              {size !== undefined && id === 'int8' ? (
                <span class="muted">{ratio(net.bytes, size)}</span>
              ) : null}
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
          <input
            type="text"
            value={how[key]}
            onChange={(e) => setHow({ ...how, [key]: e.currentTarget.value })}
          />
        </label>
      ))}
    </div>
  );
}
