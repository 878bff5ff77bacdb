/** @file The shell: the bar with the views, the theme, and the view that is open. A view that was opened keeps its state. */
import type { ComponentType } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { EngineLine } from './parts/engine.tsx';
import { Busy, Note } from './parts/notes.tsx';
import { addressOf, messageOf } from './parts/state.ts';
import { applyTheme, storedTheme, type Theme } from './parts/theme.ts';

interface View {
  readonly id: string;
  readonly name: string;
  load(): Promise<ComponentType>;
}
const views: readonly View[] = [
  { id: 'explore', name: 'Explore', load: async () => (await import('./explore/view.tsx')).Explore },
  { id: 'compose', name: 'Compose', load: async () => (await import('./compose/view.tsx')).Compose },
  { id: 'draw', name: 'Draw', load: async () => (await import('./draw/view.tsx')).Draw },
  { id: 'distill', name: 'Distill', load: async () => (await import('./distill/view.tsx')).Distill },
  { id: 'grow', name: 'Grow', load: async () => (await import('./grow/view.tsx')).Grow },
  { id: 'own', name: 'Bring your own', load: async () => (await import('./own/view.tsx')).Own },
  { id: 'docs', name: 'Docs', load: async () => (await import('./docs/view.tsx')).Docs },
];
/** The view of an address such as `docs/guides/page`; Explore for one that is unknown. */
const known = (path: string): string => views.find(({ id }) => id === path.split('/')[0])?.id ?? 'explore';

export function App() {
  const [open, setOpen] = useState(known(addressOf().view));
  const [opened, setOpened] = useState<readonly string[]>([open]);
  useEffect(() => {
    const follow = (): void => {
      const id = known(addressOf().view);
      setOpen(id);
      setOpened((before) => (before.includes(id) ? before : [...before, id]));
    };
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  useEffect(() => {
    const name = views.find((view) => view.id === open)?.name;
    if (open !== 'docs') document.title = `${name} · Moonlet`;
  }, [open]);
  const tabs = useRef<HTMLElement>(null);
  useEffect(() => {
    // on narrow screens the tabs scroll
    const current = tabs.current?.querySelector('[aria-current]');
    current?.scrollIntoView({ block: 'nearest', inline: 'center' });
  }, [open]);
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to content
      </button>
      <div class="top" role="banner">
        <a class="brand" href="#/explore">
          <img src="./icon.svg" alt="" />
          Moonlet
        </a>
        <nav class="tabs" aria-label="Views" ref={tabs}>
          {views.map(({ id, name }) => (
            <a key={id} class="tab" href={`#/${id}`} aria-current={id === open ? 'page' : undefined}>
              {name}
            </a>
          ))}
        </nav>
        <ThemeButton />
      </div>
      <main id="main" tabIndex={-1}>
        {views
          .filter(({ id }) => opened.includes(id))
          .map((view) => (
            <section key={view.id} hidden={view.id !== open} aria-label={view.name} data-view={view.id}>
              <Opened view={view} />
            </section>
          ))}
      </main>
      <div class="foot" role="contentinfo">
        <span>Everything runs in this browser; nothing is sent anywhere.</span>
        <EngineLine />
      </div>
    </>
  );
}

/** A view's component, once it is there. */
function Opened({ view }: { readonly view: View }) {
  const [found, setFound] = useState<{ readonly component?: ComponentType; readonly failed?: string }>({});
  useEffect(() => {
    view.load().then(
      (component) => setFound({ component }),
      (e: unknown) => setFound({ failed: messageOf(e) }),
    );
  }, [view]);
  if (found.failed !== undefined)
    return <Note kind="error">This view could not be loaded ({found.failed}). Reload the page.</Note>;
  return found.component ? <found.component /> : <Busy text={`Loading ${view.name}`} />;
}

const themes: readonly Theme[] = ['system', 'light', 'dark'];
const themeIcons: Readonly<Record<Theme, string>> = { system: '◐', light: '☀', dark: '☾' };

function ThemeButton() {
  const [theme, setTheme] = useState(storedTheme());
  const next = themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'system';
  const change = (): void => {
    applyTheme(next);
    setTheme(next);
  };
  return (
    <button
      type="button"
      class="plain icon"
      onClick={change}
      title={`Theme: ${theme}`}
      aria-label={`Theme: ${theme}; change to ${next}`}
    >
      <span aria-hidden="true">{themeIcons[theme]}</span>
    </button>
  );
}
