/** @file Markdown as the parts of a page: HTML, and the samples between it. Links and pictures are resolved; anchors are those of code hosts. */
import MarkdownIt, { type Token } from 'markdown-it';
import type { Heading, Page, Part, Section } from '../../../src/web/docs/pages.ts';
import { colored, isProgram, sampleOf } from './samples.ts';

/** What a link or a picture of a file leads to. */
export interface Resolver {
  link(file: string, href: string): string;
  picture(file: string, src: string): string;
}
export interface Rendered {
  readonly page: Page;
  readonly sections: readonly Omit<Section, 'id'>[];
  /** Anchors that links may name: those of headings, and of `<a id>`. */
  readonly anchors: ReadonlySet<string>;
}

const md = new MarkdownIt({ html: true });
const { escapeHtml } = md.utils;

md.renderer.rules['table_open'] = (_, __, ___, env: Env) =>
  `<div class="scroll" tabindex="0" role="group" aria-label="Table ${++env.tables}"><table>\n`;
md.renderer.rules['table_close'] = () => '</table></div>\n';
md.renderer.rules['fence'] = (tokens, i) => {
  const { info = '', content = '' } = tokens[i] ?? {};
  const code = colored(content.trimEnd(), info.trim().split(/\s/)[0] ?? '');
  return `<pre tabindex="0"><code>${code}</code></pre>\n`;
};
md.renderer.rules['code_block'] = (tokens, i) =>
  `<pre tabindex="0"><code>${escapeHtml((tokens[i]?.content ?? '').trimEnd())}</code></pre>\n`;
md.renderer.rules['html_block'] = (tokens, i) => (tokens[i]?.content ?? '').replace(/<!--[\s\S]*?-->/g, '');

interface Env {
  tables: number;
}

/** As code hosts make them: lower case, without punctuation, with hyphens. A name that comes again gets a number. */
function slugger(): (text: string) => string {
  const seen = new Map<string, number>();
  return (text) => {
    const plain = text
      .toLowerCase()
      .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
      .replaceAll(' ', '-');
    const count = seen.get(plain) ?? 0;
    seen.set(plain, count + 1);
    return count ? `${plain}-${count}` : plain;
  };
}

/** The words of an inline token. */
const wordsOf = (token: Token | undefined): string =>
  (token?.children ?? [])
    .map(({ type, content }) =>
      type === 'softbreak' ? ' ' : /^(text|code_inline)$/.test(type) ? content : '',
    )
    .join('');

/** Heads of columns without a name are plain cells: screen readers announce heads. */
function plainHeads(tokens: readonly Token[]): void {
  tokens.forEach((token, i) => {
    const close = tokens[i + 2];
    if (token.type !== 'th_open' || tokens[i + 1]?.content !== '' || !close) return;
    token.tag = 'td';
    close.tag = 'td';
  });
}

function resolve(tokens: readonly Token[], file: string, resolver: Resolver): void {
  for (const token of tokens) {
    const href = token.type === 'link_open' ? token.attrGet('href') : null;
    if (href !== null) {
      const to = resolver.link(file, href);
      token.attrSet('href', to);
      if (/^https?:/.test(to)) {
        token.attrSet('target', '_blank');
        token.attrSet('rel', 'noreferrer');
      }
    }
    if (token.type === 'image') {
      token.attrSet('src', resolver.picture(file, token.attrGet('src') ?? ''));
      token.attrSet('loading', 'lazy');
    }
    if (token.children) resolve(token.children, file, resolver);
  }
}

/** Ids on headings, and the list of them. */
function headed(tokens: readonly Token[]): readonly Heading[] {
  const slug = slugger();
  return tokens.flatMap((token, i) => {
    if (token.type !== 'heading_open') return [];
    const text = wordsOf(tokens[i + 1]);
    const at = slug(text);
    token.attrSet('id', at);
    return [{ at, text, level: Number(token.tag.slice(1)) }];
  });
}

/** What is searched: the words below each heading, code too. */
function sectionsOf(
  tokens: readonly Token[],
  page: string,
  headings: readonly Heading[],
): Omit<Section, 'id'>[] {
  const title = headings[0]?.text ?? page;
  let current = { page, at: '', title, heading: title, words: [] as string[] };
  const found = [current];
  let next = 0;
  tokens.forEach(({ type, content }, i) => {
    if (type === 'heading_open') {
      const { at = '', text = '', level = 1 } = headings[next++] ?? {};
      if (level === 1) return;
      current = { page, at, title, heading: text, words: [] };
      found.push(current);
    } else if (type === 'inline' && tokens[i - 1]?.type !== 'heading_open')
      current.words.push(wordsOf(tokens[i]));
    else if (type === 'fence' || type === 'code_block') current.words.push(content);
  });
  return found.map(({ words, ...section }) => ({ ...section, text: words.join(' ').replace(/\s+/g, ' ') }));
}

/** The parts: samples, which stand at the top level, and the HTML between them. */
async function partsOf(tokens: readonly Token[]): Promise<readonly Part[]> {
  const parts: Part[] = [];
  const env: Env = { tables: 0 };
  let run: Token[] = [];
  const flush = (): void => {
    const html = md.renderer.render(run, md.options, env).trim();
    if (html) parts.push({ html });
    run = [];
  };
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    const info = token.info.trim();
    if (token.type !== 'fence' || token.level || !isProgram(info, token.content)) {
      run.push(token);
      continue;
    }
    flush();
    const next = tokens[i + 1];
    const isOutput = next?.type === 'fence' && next.info.trim() === 'text' && info === 'ts';
    parts.push({
      sample: await sampleOf(info, token.content.trimEnd(), isOutput ? next.content.trimEnd() : undefined),
    });
    if (isOutput) i++;
  }
  flush();
  return parts;
}

/** Renders a file as the page of an id. */
export async function rendered(
  file: string,
  id: string,
  markdown: string,
  resolver: Resolver,
): Promise<Rendered> {
  const tokens = md.parse(markdown, {});
  resolve(tokens, file, resolver);
  plainHeads(tokens);
  const headings = headed(tokens);
  const title = headings[0]?.text ?? id;
  const ids = [...markdown.matchAll(/<a id="([^"]+)"/g)].map(([, name = '']) => name);
  return {
    page: { id, title, headings, parts: await partsOf(tokens) },
    sections: sectionsOf(tokens, id, headings),
    anchors: new Set([...headings.map(({ at }) => at), ...ids]),
  };
}
