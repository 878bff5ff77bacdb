/** @file The documentation: navigation and search on the left, a page, and its headings. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Busy, Note } from '../parts/notes.tsx';
import { addressOf, useLoaded } from '../parts/state.ts';
import { Article, OnThisPage } from './article.tsx';
import { contents, page as fetchedPage } from './fetching.ts';
import { Nets } from './nets.tsx';
import { addressOfPage, firstPage, netsPage, type Page, type PageGroup } from './pages.ts';
import { Search } from './search.tsx';
import './docs.css';

interface Place {
  readonly id: string;
  readonly at: string;
}
const prefix = 'docs/';

/** The page that the address names; undefined for `#/docs`, and for another view. */
function placeOfAddress(): Place | undefined {
  const { view, query } = addressOf();
  const id = view.startsWith(prefix) ? view.slice(prefix.length) : '';
  return id ? { id, at: query.get('at') ?? '' } : undefined;
}

/** The page that is open. Going back, a page is where it was left. */
function usePlace(): readonly [Place, (isReady: boolean) => void] {
  const [place, setPlace] = useState<Place>(placeOfAddress() ?? { id: firstPage, at: '' });
  const left = useRef(new Map<string, number>());
  const settled = useRef(''); // the address whose page is shown: while one loads, the page scrolls by itself
  const isByLink = useRef(false);
  useEffect(() => {
    const clicked = (e: MouseEvent): void => {
      isByLink.current ||= e.target instanceof Element && e.target.closest('a, [role=option]') !== null;
    };
    const follow = (): void => {
      const next = placeOfAddress();
      settled.current = '';
      if (next) setPlace(next);
    };
    const keep = (): void => {
      if (settled.current === location.hash) left.current.set(location.hash, scrollY);
    };
    addEventListener('click', clicked, { capture: true });
    addEventListener('hashchange', follow);
    addEventListener('scroll', keep, { passive: true });
    return () => {
      removeEventListener('click', clicked, { capture: true });
      removeEventListener('hashchange', follow);
      removeEventListener('scroll', keep);
    };
  }, []);
  const arrive = (isReady: boolean): void => {
    if (!isReady || !location.hash.startsWith('#/docs')) return;
    const before = isByLink.current ? undefined : left.current.get(location.hash);
    isByLink.current = false;
    const target = place.at ? document.getElementById(place.at) : null;
    if (before !== undefined) scrollTo(0, before);
    else if (target) target.scrollIntoView();
    else scrollTo(0, 0);
    settled.current = location.hash;
  };
  return [place, arrive];
}

export function Docs() {
  const [place, arrive] = usePlace();
  const groups = useLoaded(contents, []);
  const isNets = place.id === netsPage.id;
  const found = useLoaded(async () => (isNets ? undefined : fetchedPage(place.id)), [place.id]);
  const page = found.at === 'done' ? found.value : undefined;
  const isReady = isNets || page?.id === place.id;
  useLayoutEffect(() => arrive(isReady), [place, isReady]);
  useEffect(() => {
    const title = isNets ? netsPage.title : page?.title;
    if (title && location.hash.startsWith('#/docs')) document.title = `${title} · Moonlet`;
  }, [page, isNets, place]);
  if (groups.at === 'failed')
    return (
      <Note kind="error">
        The documentation is not there ({groups.message}). A page that was built by npm run web has it.
      </Note>
    );
  return (
    <div class={isNets ? 'docs wide' : 'docs'}>
      <Side groups={groups.at === 'done' ? groups.value : []} place={place} />
      {isNets ? (
        <Nets />
      ) : found.at === 'failed' ? (
        <Unknown id={place.id} message={found.message} />
      ) : page && isReady ? (
        <Body page={page} groups={groups.at === 'done' ? groups.value : []} />
      ) : (
        <Busy text="Loading the page" />
      )}
    </div>
  );
}

const Unknown = ({ id, message }: { readonly id: string; readonly message: string }) => (
  <div class="stack">
    <h1>No such page</h1>
    <Note kind="error">
      There is no page "{id}" ({message}). <a href={addressOfPage(firstPage)}>Go to the overview</a>, or
      search.
    </Note>
  </div>
);

function Body({ page, groups }: { readonly page: Page; readonly groups: readonly PageGroup[] }) {
  const all = groups.flatMap(({ pages }) => pages);
  const index = all.findIndex(({ id }) => id === page.id);
  const [before, after] = [all[index - 1], all[index + 1]];
  return (
    <>
      <div class="docs-body">
        <Article key={page.id} page={page} />
        <nav class="row docs-turn" aria-label="Pages before and after">
          {before && index > 0 ? <a href={addressOfPage(before.id)}>← {before.title}</a> : <span />}
          {after ? <a href={addressOfPage(after.id)}>{after.title} →</a> : null}
        </nav>
      </div>
      <OnThisPage page={page} />
    </>
  );
}

interface SideProps {
  readonly groups: readonly PageGroup[];
  readonly place: Place;
}

/** On narrow screens, the list opens by a button. */
function Side({ groups, place }: SideProps) {
  const [isOpen, setOpen] = useState(false);
  const list = useRef<HTMLElement>(null);
  useEffect(() => setOpen(false), [place]);
  useEffect(() => {
    const current = list.current?.querySelector<HTMLElement>('[aria-current]');
    const box = list.current;
    if (!current || !box || box.scrollHeight <= box.clientHeight) return;
    const { top, bottom } = current.getBoundingClientRect();
    const outer = box.getBoundingClientRect();
    if (top < outer.top || bottom > outer.bottom) box.scrollTop += top - outer.top - outer.height / 3;
  }, [place, groups]);
  return (
    <div class="docs-side">
      <div class="row">
        <Search />
        <button
          type="button"
          class="docs-menu"
          aria-expanded={isOpen}
          aria-controls="docs-pages"
          onClick={() => setOpen(!isOpen)}
        >
          Pages
        </button>
      </div>
      <nav id="docs-pages" class={isOpen ? 'open' : ''} aria-label="Documentation" ref={list}>
        {groups.map(({ name, pages }) => (
          <div key={name}>
            <p class="minor">{name}</p>
            <ul>
              {pages.map(({ id, title }) => (
                <li key={id}>
                  <a href={addressOfPage(id)} aria-current={id === place.id ? 'page' : undefined}>
                    {title}
                  </a>
                </li>
              ))}
            </ul>
          </div>
        ))}
      </nav>
    </div>
  );
}
