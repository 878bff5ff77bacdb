/** @file The editor: CodeMirror with the builder's completions; errors stand under their lines. */
import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { javascript } from '@codemirror/lang-javascript';
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { setDiagnostics } from '@codemirror/lint';
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { useEffect, useRef } from 'preact/hooks';
import { complete } from './completions.ts';

const colors = HighlightStyle.define([
  { tag: [tags.keyword, tags.modifier, tags.controlKeyword], color: 'var(--fashion)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--good)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--teacher)' },
  { tag: [tags.function(tags.variableName), tags.function(tags.propertyName)], color: 'var(--accent)' },
  { tag: [tags.typeName, tags.className], color: 'var(--mnist)' },
  { tag: tags.comment, color: 'var(--muted)', fontStyle: 'italic' },
]);
const theme = EditorView.theme({
  '&': { fontSize: '0.86rem', backgroundColor: 'var(--surface)', color: 'var(--ink)', height: '100%' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.6' },
  '.cm-gutters': { backgroundColor: 'var(--sunken)', color: 'var(--muted)', border: 'none' },
  '.cm-activeLine, .cm-activeLineGutter': {
    backgroundColor: 'color-mix(in oklab, var(--soft) 55%, transparent)',
  },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'var(--soft) !important',
  },
  '.cm-tooltip': {
    backgroundColor: 'var(--surface)',
    color: 'var(--ink)',
    border: '1px solid var(--line)',
    borderRadius: '8px',
    maxWidth: '440px',
  },
  '.cm-tooltip-autocomplete > ul > li[aria-selected]': {
    backgroundColor: 'var(--soft)',
    color: 'var(--ink)',
  },
  '.cm-completionInfo': { whiteSpace: 'pre-wrap', fontSize: '0.82rem' },
  '.cm-completionDetail': { color: 'var(--muted)' },
  '.cm-diagnostic': { fontFamily: 'inherit' },
  '&.cm-focused': { outline: '2px solid var(--accent)', outlineOffset: '-2px' },
});

/** What is usual in an editor, without panels for search and linting, which are larger than all of this. */
const basics = [
  ...[lineNumbers(), highlightActiveLineGutter(), highlightActiveLine(), drawSelection()],
  ...[history(), indentOnInput(), bracketMatching(), closeBrackets()],
  keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...completionKeymap]),
];

/** Text from elsewhere: another object replaces what is in the editor. */
export interface Given {
  readonly code: string;
}
export interface Props {
  readonly given: Given;
  /** What screen readers call it. */
  readonly label?: string;
  readonly problem: { readonly message: string; readonly line?: number } | undefined;
  onChange(code: string): void;
}

export function Editor({ given, problem, label = 'Code of the net', onChange }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | undefined>(undefined);
  const changed = useRef(onChange);
  changed.current = onChange;
  useEffect(() => {
    if (!place.current) return;
    view.current = new EditorView({
      parent: place.current,
      doc: given.code,
      extensions: [
        basics,
        javascript({ typescript: true }),
        autocompletion({ override: [complete] }),
        syntaxHighlighting(colors),
        theme,
        EditorView.contentAttributes.of({ 'aria-label': label }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) changed.current(update.state.doc.toString());
        }),
      ],
    });
    return () => view.current?.destroy();
  }, []);
  useEffect(() => {
    const editor = view.current;
    if (editor && editor.state.doc.toString() !== given.code)
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: given.code } });
  }, [given]);
  useEffect(() => {
    const editor = view.current;
    if (!editor) return;
    const { doc } = editor.state;
    const line = problem?.line === undefined || problem.line > doc.lines ? undefined : doc.line(problem.line);
    editor.dispatch(
      setDiagnostics(
        editor.state,
        problem && line
          ? [{ from: line.from, to: line.to, severity: 'error', message: problem.message }]
          : [],
      ),
    );
  }, [problem]);
  return <div class="editor" ref={place} />;
}
