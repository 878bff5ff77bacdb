/** @file Draw: a digit or a garment; what the student and its teacher make of it, where they look, and how long they take. */

import { catalogue } from 'virtual:catalogue';
import { useEffect, useRef, useState } from 'preact/hooks';
import { dataNames } from '../catalogue.ts';
import { dataOf, entryNamed } from '../parts/datasets.ts';
import { Note } from '../parts/notes.tsx';
import { Panel, ViewHeader } from '../parts/panel.tsx';
import { messageOf, useLoaded } from '../parts/state.ts';
import { dataInfo, dataSplit } from '../work/data.ts';
import { netWorker } from '../work/nets.ts';
import type { Look } from '../work/running.ts';
import { imageOf } from './centered.ts';
import { Attentions, type Looks, Probabilities, Speeds } from './looks.tsx';
import { clearPad, Pad, showGrey } from './pad.tsx';
import './draw.css';

/** What can be drawn, with the student that is open at first; the images are of its dataset. */
const kinds = [
  { name: 'Digit', student: 'mnist/wrn-16-1-bg4m' },
  { name: 'Garment', student: 'fashion-mnist/wrn-16-2-bg24' },
] as const;

export function Draw() {
  const [student, setStudent] = useState<string>(kinds[0].student);
  const [image, setImage] = useState<Uint8Array | undefined>();
  const [truth, setTruth] = useState<number | undefined>();
  const [problem, setProblem] = useState<string | undefined>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const { data = '', teacher = student } = entryNamed(student) ?? {};
  const info = useLoaded(() => dataInfo(data), [data]);
  const looks = useLooks(image, [student, teacher], setProblem);
  const names = info.at === 'done' ? info.value.classNames : Array.from({ length: 10 }, (_, i) => String(i));
  const clear = (): void => {
    if (canvas.current) clearPad(canvas.current);
    setImage(undefined);
    setTruth(undefined);
  };
  const example = async (): Promise<void> => {
    try {
      setProblem(undefined);
      const test = await dataSplit(data, 'test');
      const index = Math.floor(Math.random() * test.count);
      const pixels = test.pixels.slice(index * 784, (index + 1) * 784);
      if (canvas.current) showGrey(canvas.current, pixels, 28);
      setImage(pixels);
      setTruth(test.labels[index]);
    } catch (e) {
      setProblem(messageOf(e));
    }
  };
  useEffect(clear, [data]);
  return (
    <>
      <ViewHeader name="Draw">
        A student beside the teacher that taught it: what each sees, how sure it is, where it looks, and how
        long it takes here.
      </ViewHeader>
      <div class="grid draw">
        <article class="card draw-pad" aria-label="Pad">
          <KindChoice data={data} onChange={setStudent} />
          <Pad
            canvas={canvas}
            isEmpty={image === undefined}
            onDraw={() => {
              if (!canvas.current) return;
              setTruth(undefined);
              setImage(imageOf(canvas.current, data === 'mnist'));
            }}
          />
          <div class="row">
            <button type="button" class="primary" onClick={() => void example()}>
              Example
            </button>
            <button type="button" onClick={clear}>
              Clear
            </button>
            <Seen image={image} />
          </div>
          <p class="small muted" id="pad-help">
            {truth === undefined
              ? `Draw ${data === 'mnist' ? 'a digit' : 'the outline of a garment, filled'}, or take one of the ${dataNames[data]} test images. Keys: arrows move the pen, space lowers and lifts it.`
              : `Test image, labelled “${names[truth]}”.`}
          </p>
          <StudentChoice {...{ data, student }} onChange={setStudent} />
          {problem ? <Note kind="error">{problem}</Note> : null}
        </article>
        <Panel label="Probabilities" title="Probabilities">
          <Probabilities {...{ names, looks, truth }} isDrawn={image !== undefined} />
        </Panel>
        <div class="stack">
          <Panel label="Cost" title="Student and teacher">
            <Speeds {...{ student, teacher, looks }} />
          </Panel>
          <Panel label="Attention" title="Attention">
            <Attentions {...{ looks, image }} />
          </Panel>
        </div>
      </div>
    </>
  );
}

interface KindChoiceProps {
  readonly data: string;
  /** Gets the student that is open at first. */
  onChange(student: string): void;
}
const KindChoice = ({ data, onChange }: KindChoiceProps) => (
  <div class="segmented" role="group" aria-label="What to draw">
    {kinds.map(({ name, student }) => (
      <button
        key={name}
        type="button"
        aria-pressed={dataOf(student) === data}
        onClick={() => onChange(student)}
      >
        {name}
      </button>
    ))}
  </div>
);

interface StudentChoiceProps {
  readonly data: string;
  readonly student: string;
  onChange(student: string): void;
}
const StudentChoice = ({ data, student, onChange }: StudentChoiceProps) => (
  <label class="field">
    Student
    <select value={student} onChange={(e) => onChange(e.currentTarget.value)}>
      {catalogue.entries
        .filter((entry) => entry.data === data && entry.kind === 'student')
        .map(({ id, label, block }) => (
          <option key={id} value={id}>
            {label} {block ?? ''}
          </option>
        ))}
    </select>
  </label>
);

/** The image as the nets get it. */
function Seen({ image }: { readonly image: Uint8Array | undefined }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (canvas.current) showGrey(canvas.current, image ?? new Uint8Array(784), 28);
  }, [image]);
  return (
    <span class="seen small muted">
      <canvas ref={canvas} width="56" height="56" role="img" aria-label="The image as the nets get it" /> 28 ×
      28
    </span>
  );
}

/** What the nets say of the latest image; images that come while they run wait, but for the last of them. */
function useLooks(
  image: Uint8Array | undefined,
  [student, teacher]: readonly [string, string],
  onProblem: (text: string | undefined) => void,
): Looks | undefined {
  const [looks, setLooks] = useState<Looks | undefined>();
  const waiting = useRef<(() => Promise<void>) | undefined>(undefined);
  const isBusy = useRef(false);
  useEffect(() => {
    if (!image) {
      waiting.current = undefined;
      setLooks(undefined);
      return;
    }
    waiting.current = async () => {
      const of = async (id: string): Promise<Look> => {
        const { card } = await netWorker().call('open', id);
        const { mean, std } = card.preprocessing;
        return netWorker().call(
          'look',
          id,
          Float32Array.from(image, (byte) => (byte / 255 - mean) / std),
        );
      };
      const found = { student: await of(student), teacher: await of(teacher) };
      if (!waiting.current) setLooks(found);
    };
    const work = async (): Promise<void> => {
      if (isBusy.current) return;
      isBusy.current = true;
      try {
        for (let next = waiting.current; next; next = waiting.current) {
          waiting.current = undefined;
          await next();
        }
        onProblem(undefined);
      } catch (e) {
        onProblem(messageOf(e));
      } finally {
        isBusy.current = false;
      }
    };
    void work();
  }, [image, student, teacher]);
  return image ? looks : undefined;
}
