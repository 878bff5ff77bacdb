/** @file Pictures with what the net says of them, and how often it is right where folders name the classes. */
import { useEffect, useState } from 'preact/hooks';
import { percent } from '../parts/format.ts';
import { Empty } from '../parts/notes.tsx';
import type { Guess } from '../work/own.ts';
import type { Found } from './files.ts';

interface Props {
  readonly pictures: readonly Found[];
  readonly guesses: readonly (readonly Guess[])[];
  readonly labels: readonly string[];
  readonly most: number;
  readonly hasNet: boolean;
}

const plain = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]+/g, '');
/** The class that the folder of a picture names, or numbers from 0. */
function labelOf({ path }: Found, labels: readonly string[]): number | undefined {
  const folder = path.split('/').at(-2);
  if (folder === undefined) return undefined;
  const index = labels.findIndex((label) => plain(label) === plain(folder));
  if (index >= 0) return index;
  const number = /^\d+$/.test(folder) ? Number(folder) : undefined;
  return number !== undefined && (!labels.length || number < labels.length) ? number : undefined;
}

export function Gallery({ pictures, guesses, labels, most, hasNet }: Props) {
  if (!pictures.length) return <Empty>Pictures that you drop are shown here with their classes.</Empty>;
  const shown = pictures.slice(0, most);
  const truths = shown.map((picture) => labelOf(picture, labels));
  const known = truths.flatMap((truth, i) =>
    truth === undefined || !guesses[i] ? [] : [truth === guesses[i][0]?.index],
  );
  const right = known.filter(Boolean).length;
  return (
    <div class="stack">
      <p class="small muted" role="status" data-gallery>
        {pictures.length > most
          ? `The first ${most} of ${pictures.length} pictures. `
          : `${pictures.length} pictures. `}
        {hasNet ? '' : 'Open a net to classify them. '}
        {known.length
          ? `${right} of ${known.length} are right (${percent(right / known.length, 1)}), by the names of their folders.`
          : ''}
      </p>
      <ul class="gallery">
        {shown.map((picture, i) => (
          <Card key={picture.path} {...{ picture, labels }} guesses={guesses[i]} truth={truths[i]} />
        ))}
      </ul>
    </div>
  );
}

interface CardProps {
  readonly picture: Found;
  readonly labels: readonly string[];
  readonly guesses: readonly Guess[] | undefined;
  readonly truth: number | undefined;
}

function Card({ picture: { file, path }, labels, guesses, truth }: CardProps) {
  const [url, setUrl] = useState<string | undefined>();
  useEffect(() => {
    const made = URL.createObjectURL(file);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [file]);
  const nameOf = (index: number): string => labels[index] ?? `class ${index}`;
  const best = guesses?.[0];
  const verdict = truth === undefined || !best ? '' : best.index === truth ? 'good' : 'bad';
  return (
    <li>
      {url ? <img src={url} alt={path} loading="lazy" /> : null}
      <span class="small name" title={path}>
        {file.name}
      </span>
      {best ? (
        <span
          class={`small guess ${verdict}`}
          title={guesses
            ?.map(({ index, probability }) => `${nameOf(index)} ${percent(probability, 1)}`)
            .join('\n')}
        >
          {verdict === 'good' ? '✓ ' : verdict === 'bad' ? '✗ ' : ''}
          {nameOf(best.index)} <span class="muted">{percent(best.probability, 0)}</span>
        </span>
      ) : null}
    </li>
  );
}
