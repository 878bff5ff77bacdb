/** @file The frames that views are made of. */
import type { ComponentChildren } from 'preact';

interface PanelProps {
  /** What screen readers call it. */
  readonly label: string;
  readonly title?: string;
  readonly className?: string;
  readonly children: ComponentChildren;
}

export const Panel = ({ label, title, className = '', children }: PanelProps) => (
  <article class={`card ${className}`} aria-label={label}>
    {title === undefined ? null : (
      <header>
        <h2>{title}</h2>
      </header>
    )}
    {children}
  </article>
);

/** The name of a view, and what it is for. */
export const ViewHeader = ({
  name,
  children,
}: {
  readonly name: string;
  readonly children: ComponentChildren;
}) => (
  <header>
    <h1>{name}</h1>
    <p>{children}</p>
  </header>
);
