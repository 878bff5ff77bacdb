/** @file What two nets make of an image: bars, maps and times. */

import { catalogue } from 'virtual:catalogue';
import { useEffect, useRef } from 'preact/hooks';
import { milliseconds, percent, short } from '../parts/format.ts';
import { Busy, Empty } from '../parts/notes.tsx';
import type { Attention, Look } from '../work/running.ts';

export interface Looks {
  readonly student: Look;
  readonly teacher: Look;
}

interface ProbabilitiesProps {
  readonly names: readonly string[];
  readonly looks: Looks | undefined;
  readonly truth: number | undefined;
  /** Whether the nets have an image. */
  readonly isDrawn: boolean;
}

export function Probabilities({ names, looks, truth, isDrawn }: ProbabilitiesProps) {
  const best = (values: Float32Array | undefined): number =>
    values ? values.indexOf(Math.max(...values)) : -1;
  const [mine, theirs] = [looks?.student.probabilities, looks?.teacher.probabilities];
  return (
    <>
      <p class="verdict" role="status">
        {looks ? (
          `The student says ${names[best(mine)]}, the teacher ${names[best(theirs)]}.`
        ) : (
          <span class="muted">{isDrawn ? 'Running both nets …' : 'Draw, or take an example.'}</span>
        )}
      </p>
      <div class="legend" style={{ marginBottom: '8px' }}>
        <span>
          <i class="dot" style={{ background: 'var(--accent)' }} /> student
        </span>
        <span>
          <i class="dot" style={{ background: 'var(--teacher)' }} /> teacher
        </span>
      </div>
      <table class="probabilities">
        <caption class="visually-hidden">
          Probability of each class, of the student and of the teacher
        </caption>
        <thead class="visually-hidden">
          <tr>
            <th>class</th>
            <th>bars</th>
            <th>student</th>
            <th>teacher</th>
          </tr>
        </thead>
        <tbody>
          {names.map((name, i) => (
            <tr key={name} class={i === truth ? 'truth' : ''}>
              <th scope="row">
                {name}
                {i === truth ? <span class="muted"> ✓ label</span> : null}
              </th>
              <td>
                <div class="bars">
                  <Bar share={mine?.[i] ?? 0} color="var(--accent)" />
                  <Bar share={theirs?.[i] ?? 0} color="var(--teacher)" />
                </div>
              </td>
              <td class={`number${i === best(mine) ? ' best' : ''}`}>
                {mine ? percent(mine[i] ?? 0, 1) : '–'}
              </td>
              <td class={`number${i === best(theirs) ? ' best' : ''}`}>
                {theirs ? percent(theirs[i] ?? 0, 1) : '–'}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

const Bar = ({ share, color }: { readonly share: number; readonly color: string }) => (
  <span class="bar">
    <i style={{ width: `${100 * share}%`, background: color }} />
  </span>
);

interface SpeedsProps {
  readonly student: string;
  readonly teacher: string;
  readonly looks: Looks | undefined;
}

export function Speeds({ student, teacher, looks }: SpeedsProps) {
  const [mine, theirs] = [student, teacher].map((id) => catalogue.entries.find((entry) => entry.id === id));
  if (!mine || !theirs) return null;
  const rows = [
    ['parameters', short(mine.params), short(theirs.params)],
    ['multiply-adds', short(mine.macs), short(theirs.macs)],
    ['test accuracy', percent(mine.accuracy ?? 0), percent(theirs.accuracy ?? 0)],
    [
      'latency here',
      looks ? milliseconds(looks.student.ms) : '–',
      looks ? milliseconds(looks.teacher.ms) : '–',
    ],
  ];
  return (
    <table>
      <thead>
        <tr>
          <td />
          <th class="number">{mine.label}</th>
          <th class="number">{theirs.label}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(([name, a, b]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td class="number">{a}</td>
            <td class="number">{b}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Attentions({
  looks,
  image,
}: {
  readonly looks: Looks | undefined;
  readonly image: Uint8Array | undefined;
}) {
  if (!image) return <Empty>Maps of each stage appear when there is an image.</Empty>;
  if (!looks) return <Busy text="Running both nets" />;
  const rows = [
    ['student', looks.student.attention],
    ['teacher', looks.teacher.attention],
  ] as const;
  return (
    <div class="stack">
      {rows.map(([who, maps]) => (
        <div key={who} class="maps">
          <h3>{who}</h3>
          {maps.length ? (
            maps.map((map) => <MapView key={map.stage} {...{ map, image }} />)
          ) : (
            <span class="small muted">no stage is a map</span>
          )}
        </div>
      ))}
    </div>
  );
}

/** An attention map over the image: warm where the stage's values are large. */
export function MapView({ map, image }: { readonly map: Attention; readonly image: Uint8Array }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context) return;
    const { height, width, values } = map;
    const picture = new ImageData(28, 28);
    for (let i = 0; i < 784; i++) {
      const [x, y] = [Math.floor(((i % 28) * width) / 28), Math.floor((Math.floor(i / 28) * height) / 28)];
      const heat = values[y * width + x] ?? 0;
      const ink = (image[i] ?? 0) / 255;
      picture.data.set(
        [
          20 + 225 * Math.min(1, heat * 1.15),
          24 + 150 * heat * heat + 60 * ink,
          46 + 150 * ink * (1 - heat),
          255,
        ],
        4 * i,
      );
    }
    const small = new OffscreenCanvas(28, 28);
    small.getContext('2d')?.putImageData(picture, 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(small, 0, 0, 84, 84);
  }, [map, image]);
  return (
    <figure>
      <canvas ref={canvas} width="84" height="84" role="img" aria-label={`Attention of ${map.stage}`} />
      <figcaption class="small muted">
        {map.stage}{' '}
        <span>
          {map.height}×{map.width}
        </span>
      </figcaption>
    </figure>
  );
}
