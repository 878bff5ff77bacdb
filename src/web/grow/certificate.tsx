/** @file What was proved of a growth, what was measured, and what it costs. */
import { count, percent, ratio } from '../parts/format.ts';
import { Note } from '../parts/notes.tsx';
import type { Grown } from '../work/growing.ts';

export function Certificate({ grown }: { readonly grown: Grown }) {
  const { findings, verified, maxAbsDiff, scale, preserves, before, after, outputs } = grown;
  const rows = [
    ['parameters', before.params, after.params],
    ['multiply-adds', before.macs, after.macs],
    ['layers', before.layers.length, after.layers.length],
  ] as const;
  return (
    <div class="stack">
      {findings.length ? (
        <Note kind="error">The certificate fails: {findings[0]}</Note>
      ) : (
        <Note kind="done">
          ✓ Proved: the maps of {count(verified)} values are those of a net that computes the same
          {preserves === 'both' ? ', in inference and in training' : ', in inference'}.
        </Note>
      )}
      <p class="small">
        Measured on 32 test images: the largest difference is{' '}
        <b data-difference>{maxAbsDiff === 0 ? '0' : maxAbsDiff.toExponential(1)}</b>, of outputs up to{' '}
        {scale.toFixed(1)}.
      </p>
      <figure>
        <figcaption class="small muted">Probabilities of the first test image, before and after</figcaption>
        <div class="twins" role="img" aria-label="Probabilities before and after are equal bars">
          {[...outputs[0]].map((p, i) => (
            <div key={`${i}`} title={`${i}: ${percent(p)} and ${percent(outputs[1][i] ?? 0)}`}>
              <i style={{ height: `${Math.max(1, 100 * p)}%`, background: 'var(--alone)' }} />
              <i
                style={{ height: `${Math.max(1, 100 * (outputs[1][i] ?? 0))}%`, background: 'var(--accent)' }}
              />
            </div>
          ))}
        </div>
      </figure>
      <table>
        <thead>
          <tr>
            <td />
            <th class="number">before</th>
            <th class="number">after</th>
            <th class="number" />
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, a, b]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="number">{count(a)}</td>
              <td class="number">{count(b)}</td>
              <td class="number muted">{ratio(a, b)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
