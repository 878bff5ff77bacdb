/** @file The order of the documentation: groups of Markdown files. A file of `docs/` that is not named here is added to the last group. */
import { readdirSync } from 'node:fs';

export interface FileGroup {
  readonly name: string;
  readonly files: readonly string[];
}

const guides = [
  ...['distill', 'fine-tune', 'own-data', 'pictures', 'compress', 'take-away'],
  ...['browser', 'page', 'deploy-node', 'recipes', 'sweep'],
];
const named: readonly FileGroup[] = [
  { name: 'Start', files: ['README.md'] },
  { name: 'Guides', files: guides.map((name) => `docs/guides/${name}.md`) },
  {
    name: 'Nets',
    files: ['zoo', 'students', 'weights', 'hub', 'import', 'onnx-nets'].map((name) => `docs/${name}.md`),
  },
  {
    name: 'Methods',
    files: ['distillation', 'growth', 'compression', 'integers', 'sweeps', 'scenes', 'counting'].map(
      (name) => `docs/${name}.md`,
    ),
  },
  {
    name: 'How it works',
    files: [
      ...['benchmarks', 'tracing', 'processors', 'design'].map((name) => `docs/${name}.md`),
      ...['CONTRIBUTING.md', 'CHANGELOG.md'],
    ],
  },
];

/** The groups, with files that are there alone. */
export function fileGroups(): readonly FileGroup[] {
  const there = [
    ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'],
    ...['docs', 'docs/guides'].flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => name.endsWith('.md'))
        .map((name) => `${folder}/${name}`),
    ),
  ];
  const groups = named.map(({ name, files }) => ({ name, files: files.filter((f) => there.includes(f)) }));
  const rest = there.filter((file) => !groups.some(({ files }) => files.includes(file)));
  return groups.map((group, i) =>
    i === groups.length - 1 ? { ...group, files: [...group.files, ...rest] } : group,
  );
}

const rootPages: Readonly<Record<string, string>> = {
  'README.md': 'start',
  'CONTRIBUTING.md': 'contributing',
  'CHANGELOG.md': 'changes',
};

/** `guides/fine-tune` of `docs/guides/fine-tune.md`; `api/learn/losses` of `api/moonlet/learn/namespaces/losses.md`. */
export function idOf(file: string): string {
  const root = rootPages[file];
  if (root !== undefined) return root;
  const plain = file.replace(/^docs\//, '').replace(/\.md$/, '');
  if (!plain.startsWith('api/')) return plain;
  if (plain === 'api/README') return 'api';
  const path = plain.replace(/\/README$/, '').replaceAll('/namespaces/', '/');
  return path === 'api/moonlet' || coreGroup.test(path) ? path : path.replace('api/moonlet/', 'api/');
}
/** Groups of `moonlet` itself keep its name, since entries such as `moonlet/learn` have groups of the same names. */
const coreGroup = /^api\/moonlet\/(blocks|graphs|options|special|structure|types)$/;
