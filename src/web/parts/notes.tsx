/** @file What a view says when it is busy, empty, or when something failed. */
import type { ComponentChildren } from 'preact';

export const Note = ({
  kind = 'plain',
  children,
}: {
  readonly kind?: 'plain' | 'error' | 'done';
  readonly children: ComponentChildren;
}) => (
  <p class={`note ${kind}`} role={kind === 'error' ? 'alert' : 'status'}>
    <span>{children}</span>
  </p>
);

export const Busy = ({ text }: { readonly text: string }) => (
  <div class="empty" role="status">
    <span class="busy" />
    <span>{text} …</span>
  </div>
);

export const Empty = ({ children }: { readonly children: ComponentChildren }) => (
  <div class="empty">{children}</div>
);
