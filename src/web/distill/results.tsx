/** @file What came of the runs, beside the teacher. */
import type { Entry } from '../catalogue.ts';
import { milliseconds, percent, short } from '../parts/format.ts';
import { Empty } from '../parts/notes.tsx';
import { choices } from './choices.ts';
import { looks } from './looks.ts';
import type { RunState, Who } from './runs.ts';

interface Props {
  readonly list: readonly { readonly who: Who; readonly run: RunState }[];
  readonly teacher: Entry | undefined;
}

export function Results({ list, teacher }: Props) {
  if (!list.length) return <Empty>Accuracies appear when a run has ended.</Empty>;
  return (
    <table>
      <thead>
        <tr>
          <td />
          <th class="number">accuracy</th>
          <th class="number">parameters</th>
          <th class="number">time</th>
        </tr>
      </thead>
      <tbody>
        {list.map(({ who, run: { job, ended } }) => (
          <tr key={who}>
            <th scope="row">
              <i class="dot" style={{ background: looks[who].color }} /> {looks[who].name}
            </th>
            <td class="number" data-result={who}>
              {ended?.accuracy === undefined ? '–' : percent(ended.accuracy)}
            </td>
            <td class="number">{short(choices.find(({ id }) => id === job.student)?.params ?? 0)}</td>
            <td class="number">{ended?.finished ? milliseconds(1000 * ended.seconds) : '–'}</td>
          </tr>
        ))}
        {teacher ? (
          <tr>
            <th scope="row">
              <i class="dot" style={{ background: 'var(--teacher)' }} /> teacher
            </th>
            <td class="number">{percent(teacher.accuracy ?? 0)}</td>
            <td class="number">{short(teacher.params)}</td>
            <td class="number" />
          </tr>
        ) : null}
      </tbody>
    </table>
  );
}
