/** @file Documents of the npm package link to files that the package has, and show pictures that it has. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { expect } from 'chai';
import MarkdownIt, { type Token } from 'markdown-it';

const md = new MarkdownIt({ html: true });

/** What a document names, without addresses of the web and places in the document itself. */
function targets(file: string): readonly string[] {
  const named = (token: Token): readonly string[] => [
    ...[token.attrGet('href'), token.attrGet('src')].flatMap((to) => to ?? []),
    ...(/^html/.test(token.type)
      ? [...token.content.matchAll(/\b(?:href|src|srcset)="([^"]+)"/g)].map(([, to = '']) => to)
      : []),
    ...(token.children ?? []).flatMap(named),
  ];
  return md
    .parse(readFileSync(file, 'utf8'), {})
    .flatMap(named)
    .filter((to) => !/^([a-z]+:|#)/.test(to))
    .map((to) => posix.join(posix.dirname(file), decodeURIComponent(to.split('#')[0] ?? '')));
}

const { files } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly files: readonly string[] };
const isIn = (path: string, place: string): boolean => path === place || path.startsWith(`${place}/`);

/** Whether npm packs a file: `files` of package.json names it, or the folder it is in, and no folder with `!` before it. */
const isPacked = (path: string): boolean =>
  /^(README\.md|LICENSE|package\.json)$/.test(path) ||
  (files.some((place) => isIn(path, place)) &&
    !files.some((place) => place.startsWith('!') && isIn(path, place.slice(1))));

describe('documents of the npm package', () => {
  it('link to files of the package, and show pictures of it', () => {
    const documents = ['docs', '.'].flatMap((folder) =>
      readdirSync(folder, { recursive: folder === 'docs', encoding: 'utf8' })
        .filter((name) => name.endsWith('.md'))
        .map((name) => posix.join(folder, name.replaceAll('\\', '/'))),
    );
    const found = documents
      .filter(isPacked)
      .flatMap((file) => targets(file).map((target) => ({ file, target })));
    expect(found.length).to.be.greaterThan(50);
    const missing = found.filter(({ target }) => !isPacked(target) || !existsSync(target));
    expect(missing.map(({ file, target }) => `${file}: ${target}`)).to.deep.equal([]);
  });

  it('would be found out by a picture that is not packed', () => {
    expect(isPacked('docs/guides/page.md')).to.equal(true);
    expect(isPacked('docs/page/explore.png')).to.equal(false);
    expect(targets('docs/page/README.md')).to.include.members([
      'docs/page/explore.png',
      'docs/guides/page.md',
    ]);
  });
});
