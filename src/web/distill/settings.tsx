/** @file What shall be distilled: data, student, teacher, method, and how long. */
import { catalogue } from 'virtual:catalogue';
import { dataNames } from '../catalogue.ts';
import { dataOf } from '../parts/datasets.ts';
import { percent, short } from '../parts/format.ts';
import { choices, type Wanted } from './choices.ts';
import { Methods } from './methods.tsx';

/** The teacher that is chosen at first, by dataset: small ones, which do not make a step much slower. */
const teachers: Readonly<Record<string, string>> = Object.fromEntries(
  ['mnist/wrn-16-1-bg4m', 'fashion-mnist/wrn-16-2-bg24'].flatMap((id) => {
    const data = dataOf(id);
    return data === undefined ? [] : [[data, id]];
  }),
);
export const usual: Wanted = {
  ...{ data: 'mnist', student: 'pebble', teacher: 'mnist/wrn-16-1-bg4m', method: 'soft-targets' },
  ...{ steps: 600, batch: 64, rate: 0.1, seed: 1, isCompared: true },
};

interface Props {
  readonly wanted: Wanted;
  setWanted(wanted: Wanted): void;
  readonly isDisabled: boolean;
}

export function Settings({ wanted, setWanted, isDisabled }: Props) {
  const set = (change: Partial<Wanted>): void => setWanted({ ...wanted, ...change });
  const student = choices.find(({ id }) => id === wanted.student);
  return (
    <fieldset class="settings" disabled={isDisabled}>
      <legend class="visually-hidden">Settings of the run</legend>
      <div class="segmented" role="group" aria-label="Data">
        {Object.keys(teachers).map((data) => (
          <button
            key={data}
            type="button"
            aria-pressed={wanted.data === data}
            onClick={() => set({ data, teacher: teachers[data] ?? '' })}
          >
            {dataNames[data]}
          </button>
        ))}
      </div>
      <label class="field">
        Student
        <select value={wanted.student} onChange={(e) => set({ student: e.currentTarget.value })}>
          {choices.map(({ id, name, params }) => (
            <option key={id} value={id}>
              {name}, {short(params)} parameters
            </option>
          ))}
        </select>
        {student ? <span>{short(student.macs)} multiply-adds for one image</span> : null}
      </label>
      <TeacherChoice {...{ wanted }} onChange={(teacher) => set({ teacher })} />
      <Methods {...{ wanted }} onChange={(method) => set({ method })} />
      <Slider
        name="steps"
        value={wanted.steps}
        min={100}
        max={4000}
        step={50}
        onChange={(steps) => set({ steps })}
      />
      <Slider
        name="batch"
        value={wanted.batch}
        min={16}
        max={256}
        step={16}
        onChange={(batch) => set({ batch })}
      />
      <Slider
        name="peak rate"
        value={wanted.rate}
        min={0.01}
        max={0.5}
        step={0.01}
        onChange={(rate) => set({ rate })}
      />
      <Slider name="seed" value={wanted.seed} min={1} max={20} step={1} onChange={(seed) => set({ seed })} />
      <label class="check">
        <input
          type="checkbox"
          checked={wanted.isCompared}
          onChange={(e) => set({ isCompared: e.currentTarget.checked })}
        />
        also without the teacher, at the same time
      </label>
    </fieldset>
  );
}

interface TeacherProps {
  readonly wanted: Wanted;
  onChange(teacher: string): void;
}

function TeacherChoice({ wanted, onChange }: TeacherProps) {
  const of = catalogue.entries.filter(({ data }) => data === wanted.data);
  const chosen = of.find(({ id }) => id === wanted.teacher);
  return (
    <label class="field">
      Teacher
      <select value={wanted.teacher} onChange={(e) => onChange(e.currentTarget.value)}>
        {of
          .toSorted((a, b) => a.macs - b.macs)
          .map(({ id, label, block, accuracy }) => (
            <option key={id} value={id}>
              {label} {block ?? ''}: {percent(accuracy ?? 0)}
            </option>
          ))}
      </select>
      <span>
        {chosen ? `${short(chosen.macs)} multiply-adds; a large teacher makes each step slow` : null}
      </span>
    </label>
  );
}

interface SliderProps {
  readonly name: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  onChange(value: number): void;
}

export function Slider({ name, value, min, max, step, onChange }: SliderProps) {
  const set = (text: string): void => {
    const number = Number(text);
    if (Number.isFinite(number)) onChange(Math.min(max, Math.max(min, number)));
  };
  return (
    <div class="slider">
      <span>{name}</span>
      <input
        type="range"
        aria-label={name}
        {...{ min, max, step, value }}
        onInput={(e) => set(e.currentTarget.value)}
      />
      <input
        type="number"
        aria-label={`${name}, as a number`}
        {...{ min, max, step, value }}
        onChange={(e) => set(e.currentTarget.value)}
      />
    </div>
  );
}
