/** @file The methods: those that run on the pair, and the others with what they lack. */
import { refusals } from 'virtual:refusals';
import { methodNames, otherMethods } from '../work/method-names.ts';
import type { Wanted } from './choices.ts';

/** Why the method does not run on the pair, as the library says it; undefined where it does. */
export const refusalOf = ({
  student,
  teacher,
  method,
}: Pick<Wanted, 'student' | 'teacher' | 'method'>): string | undefined =>
  refusals[student]?.[teacher]?.[method];

interface Props {
  readonly wanted: Wanted;
  onChange(method: string): void;
}

export function Methods({ wanted, onChange }: Props) {
  const rows = methodNames.map((method) => ({
    ...method,
    refusal: refusalOf({ ...wanted, method: method.id }),
  }));
  const run = rows.filter(({ refusal }) => refusal === undefined);
  const lacking = [
    ...rows.flatMap(({ id, name, about, refusal }) =>
      refusal === undefined ? [] : [{ id, name, about, reason: `Not on this pair: ${refusal}.` }],
    ),
    ...otherMethods.map(({ id, name, about, needs }) => ({
      id,
      name,
      about,
      reason: `Needs more: ${needs}`,
    })),
  ];
  return (
    <div class="methods" role="radiogroup" aria-label="Method">
      <p class="methods-title">
        Method <span class="muted">{run.length} run on this pair</span>
      </p>
      <div class="methods-list" tabIndex={0} role="group" aria-label="Methods">
        {run.map(({ id, name, about }) => (
          <label key={id} class="method">
            <input
              type="radio"
              name="method"
              value={id}
              checked={wanted.method === id}
              onChange={() => onChange(id)}
            />
            <span>
              {name}
              <span class="about">{about}</span>
            </span>
          </label>
        ))}
        <p class="small muted">These do not run here:</p>
        {lacking.map(({ id, name, about, reason }) => (
          <label key={id} class="method lacking">
            <input type="radio" name="method" value={id} disabled checked={wanted.method === id} />
            <span>
              {name}
              <span class="about">{about}</span>
              <span class="about">{reason}</span>
            </span>
          </label>
        ))}
      </div>
    </div>
  );
}
