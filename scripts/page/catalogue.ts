/** @file What the page's chart shows: every architecture, published net and student, with its counts. Made when the page is built. */
import { readFileSync } from 'node:fs';
import { cost } from '../../src/index.ts';
import type { Catalogue, Entry, Paper } from '../../src/web/catalogue.ts';
import { architectures, compose } from '../../zoo/architectures/index.ts';
import { studentNames } from '../../zoo/folders.ts';
import { loadStudent, readCard } from '../../zoo/students.ts';

interface Published {
  readonly from: string;
  readonly nets: readonly {
    readonly model: string;
    readonly weights: string;
    readonly size: number;
    readonly accuracy: number;
  }[];
}

/** What a composed net costs. Its bytes are those of weights and statistics in float32. */
function counted(words: string): Pick<Entry, 'params' | 'macs' | 'bytes' | 'peakBytes' | 'words'> {
  const { params, normStats, macs, peakBytes } = cost(compose(words));
  return { words, params, macs, bytes: 4 * (params + normStats), peakBytes };
}

const wordsOf = (name: string, options: Readonly<Record<string, unknown>>): string =>
  [name, ...Object.entries(options).map(([key, value]) => `${key}=${value}`)].join(' ');

export function catalogue(): Catalogue {
  const published = JSON.parse(readFileSync('zoo/accuracies.json', 'utf8')) as Published;
  const paperOf = (words: string): { readonly paper?: Paper } => {
    const paper = architectures.get(words.split(' ')[0] ?? '')?.paper;
    return paper ? { paper } : {};
  };
  const families = [...architectures.keys()].map(
    (name): Entry => ({ id: name, kind: 'architecture', label: name, ...counted(name), ...paperOf(name) }),
  );
  const imagenet = published.nets
    .filter(({ size }) => size <= 300) // larger ones are far from compact
    .map(({ model, weights, size, accuracy }): Entry => {
      const found = counted(`${model} size=${size}`);
      const words = compose(`${model} size=${size}`).name;
      const label = model.replace('torchvision/', '');
      return {
        ...{ id: model, kind: 'published', label, ...found, words, data: 'imagenet', accuracy, weights },
        ...paperOf(words),
      };
    });
  const students = studentNames().map((id): Entry => {
    const { architecture, block, data, accuracy, interval95, teacher, params, macs, bytes } = readCard(id);
    const words = wordsOf(architecture.name, architecture.options);
    const { peakBytes } = cost(loadStudent(id).graph);
    return {
      ...{ id, kind: teacher === undefined ? 'teacher' : 'student', label: id.split('/')[1] ?? id, words },
      ...{ params, macs, bytes, peakBytes, data, accuracy, interval: interval95 },
      ...(block === undefined ? {} : { block }),
      ...(teacher === undefined ? {} : { teacher }),
      ...paperOf(words),
    };
  });
  return { source: published.from.split(',')[0] ?? '', entries: [...students, ...imagenet, ...families] };
}
