/** @file Search over all pages: a list of sections as one types; arrow keys choose, Enter opens. */
import type { RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { messageOf } from '../parts/state.ts';
import { type Hit, prepareSearch, search } from './fetching.ts';
import { addressOfPage } from './pages.ts';

interface Found {
  readonly words: string;
  readonly hits: readonly Hit[];
  readonly failed?: string;
}

/** The hits for the words; those of words that came later win. */
function useHits(words: string): Found | undefined {
  const [found, setFound] = useState<Found | undefined>();
  useEffect(() => {
    if (!words.trim()) return setFound(undefined);
    let isCurrent = true;
    search(words).then(
      (hits) => isCurrent && setFound({ words, hits }),
      (e: unknown) => isCurrent && setFound({ words, hits: [], failed: messageOf(e) }),
    );
    return () => {
      isCurrent = false;
    };
  }, [words]);
  return found;
}

/** `/` puts the cursor into the field, unless somebody types elsewhere or the field is hidden. */
function useSlash(box: RefObject<HTMLDivElement | null>, input: RefObject<HTMLInputElement | null>): void {
  useEffect(() => {
    const slash = (e: KeyboardEvent): void => {
      const isTyping =
        e.target instanceof HTMLElement && e.target.closest('input, select, textarea, .cm-editor');
      if (e.key !== '/' || e.ctrlKey || e.metaKey || isTyping || !box.current?.offsetParent) return;
      e.preventDefault();
      input.current?.focus();
    };
    addEventListener('keydown', slash);
    return () => removeEventListener('keydown', slash);
  }, []);
}

export function Search() {
  const [words, setWords] = useState('');
  const [chosen, setChosen] = useState(0);
  const [isOpen, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const found = useHits(words);
  useSlash(box, input);
  const hits = found?.hits ?? [];
  const go = (hit: Hit | undefined): void => {
    if (!hit) return;
    location.hash = addressOfPage(hit.page, hit.at).slice(1);
    setOpen(false);
  };
  const byKey = (e: KeyboardEvent): void => {
    if (e.key === 'Enter') go(hits[chosen]);
    else if (e.key === 'Escape') setOpen(false);
    else if (e.key === 'ArrowDown') setChosen(Math.min(chosen + 1, hits.length - 1));
    else if (e.key === 'ArrowUp') setChosen(Math.max(chosen - 1, 0));
    else return;
    e.preventDefault();
  };
  const isShown = isOpen && found !== undefined;
  return (
    <div
      class="docs-search"
      ref={box}
      role="search"
      onFocusOut={(e) => {
        if (!(e.relatedTarget instanceof Node && box.current?.contains(e.relatedTarget))) setOpen(false);
      }}
    >
      <input
        ref={input}
        type="search"
        placeholder="Search  ( / )"
        aria-label="Search the documentation"
        // biome-ignore lint/a11y/noRedundantRoles: a search field is no combobox by itself
        role="combobox"
        aria-expanded={isShown}
        list={undefined}
        aria-controls="docs-hits"
        aria-activedescendant={isShown && hits.length ? `docs-hit-${chosen}` : undefined}
        autocomplete="off"
        value={words}
        onFocus={() => {
          prepareSearch();
          setOpen(true);
        }}
        onInput={(e) => {
          setWords(e.currentTarget.value);
          setChosen(0);
          setOpen(true);
        }}
        onKeyDown={byKey}
      />
      <div
        id="docs-hits"
        class="docs-hits"
        role="listbox"
        aria-label="Sections"
        hidden={!isShown}
        tabIndex={-1}
      >
        {hits.map((hit, i) => (
          <Row
            key={`${hit.page} ${hit.at} ${i}`}
            hit={hit}
            index={i}
            isChosen={i === chosen}
            onChoose={() => go(hit)}
          />
        ))}
        {found && !hits.length ? (
          <div role="option" tabIndex={-1} aria-selected={false} class="small muted">
            {found.failed ?? `Nothing has "${found.words}".`}
          </div>
        ) : null}
      </div>
    </div>
  );
}

interface RowProps {
  readonly hit: Hit;
  readonly index: number;
  readonly isChosen: boolean;
  onChoose(): void;
}
function Row({ hit, index, isChosen, onChoose }: RowProps) {
  const row = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (isChosen) row.current?.scrollIntoView({ block: 'nearest' });
  }, [isChosen]);
  return (
    <div
      id={`docs-hit-${index}`}
      ref={row}
      role="option"
      tabIndex={-1}
      aria-selected={isChosen}
      onClick={onChoose}
    >
      <b>{hit.heading}</b>
      {hit.heading === hit.title ? null : <span class="muted"> · {hit.title}</span>}
      <span class="small muted start">{hit.start}</span>
    </div>
  );
}
