/** @file One page: HTML made when the page is built, and its samples. */
import { useEffect, useRef } from 'preact/hooks';
import { addressOfPage, type Heading, type Page } from './pages.ts';
import { SampleBox } from './sample.tsx';

export function Article({ page }: { readonly page: Page }) {
  const place = useRef<HTMLElement>(null);
  useEffect(() => {
    // links to the headings, as on code hosts
    for (const heading of Array.from(place.current?.querySelectorAll('h2[id], h3[id], h4[id]') ?? [])) {
      if (heading.querySelector('a.anchor')) continue;
      const link = document.createElement('a');
      link.className = 'anchor';
      link.href = addressOfPage(page.id, heading.id);
      link.textContent = '#';
      link.setAttribute('aria-label', `Link to ${heading.textContent}`);
      heading.append(link);
    }
  }, [page]);
  let samples = 0;
  return (
    <article class="prose" ref={place} data-page={page.id}>
      {page.parts.map((part, i) =>
        'html' in part ? (
          <div key={`${page.id} ${i}`} dangerouslySetInnerHTML={{ __html: part.html }} />
        ) : (
          <SampleBox key={`${page.id} ${i}`} sample={part.sample} number={++samples} />
        ),
      )}
    </article>
  );
}

/** The headings of a page, beside it where there is room. */
export function OnThisPage({ page }: { readonly page: Page }) {
  const shown: readonly Heading[] = page.headings.filter(({ level }) => level === 2 || level === 3);
  if (shown.length < 2) return <div />;
  return (
    <nav class="on-page" aria-label="On this page">
      <p class="minor">On this page</p>
      <ul>
        {shown.map(({ at, text, level }) => (
          <li key={at} class={level === 3 ? 'deeper' : ''}>
            <a href={addressOfPage(page.id, at)}>{text}</a>
          </li>
        ))}
      </ul>
    </nav>
  );
}
