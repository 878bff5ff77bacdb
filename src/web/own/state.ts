/** @file The state of what somebody brought: the net in both forms, the pictures, and what is said of them. */
import { useEffect, useState } from 'preact/hooks';
import { save } from '../parts/download.ts';
import { messageOf } from '../parts/state.ts';
import { dataInfo } from '../work/data.ts';
import { netWorker } from '../work/nets.ts';
import type { Brought, Form, Format, Guess, OwnNet, Quantized } from '../work/own.ts';
import { type Found, sorted } from './files.ts';
import { type How, preparationOf, usualHow } from './preparation.ts';

/** Pictures that are classified and shown. */
export const most = 240;

/** Names of the classes of a dataset; none where it is not known. */
const labelsOf = async (data: string | undefined): Promise<readonly string[]> =>
  (data === undefined ? undefined : await dataInfo(data).catch(() => undefined))?.classNames ?? [];

interface Opened extends OwnNet {
  readonly name: string;
}

export interface OwnState {
  readonly net: Opened | undefined;
  readonly integers: Quantized | undefined;
  readonly form: Form;
  readonly how: How;
  readonly labels: readonly string[];
  readonly pictures: readonly Found[];
  readonly guesses: readonly (readonly Guess[])[];
  readonly times: Partial<Record<Form, number>>;
  /** What is being done. */
  readonly busy: string | undefined;
  readonly problem: string | undefined;
  setForm(form: Form): void;
  setHow(how: How): void;
  open(brought: Brought): void;
  take(found: readonly Found[]): void;
  quantize(): void;
  time(): void;
  write(format: Format): void;
}

export function useOwn(): OwnState {
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
      const opened = await netWorker().call('openOwn', brought, card);
      setNet({ ...opened, name: brought.kind === 'shipped' ? brought.id : brought.name });
      setIntegers(undefined);
      setForm('float');
      setGuesses([]);
      setTimes({});
      setHow(usualHow(opened.graph, opened));
      setLabels(given ?? opened.labels ?? (await labelsOf(opened.card?.data)));
    });
  const take = (found: readonly Found[]): Promise<void> =>
    doing('reading files', async () => {
      const { net: brought, pictures: list, labels: names, card } = await sorted(found);
      if (!brought && !list.length && !names)
        throw new Error(
          'nothing here can be read: drop an .onnx file, graph.json with weights.safetensors, pictures, or labels.txt',
        );
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
  }, [net, integers, pictures, form, how]);
  const quantize = (): void =>
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
  return {
    ...{ net, integers, form, how, labels, pictures, guesses, times, busy, problem },
    ...{ setForm, setHow, quantize, time, write },
    open: (brought) => void open(brought),
    take: (found) => void take(found),
  };
}
