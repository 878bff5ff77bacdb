/** @file Which methods cannot run on which pair of the page, with the library's reason. Found by binding each loss, when the page is built. */
import { messageOf } from '../../src/errors.ts';
import type { Graph, Net } from '../../src/index.ts';
import type { Refusals } from '../../src/web/catalogue.ts';
import { methodNames } from '../../src/web/work/method-names.ts';
import { lossesOf } from '../../src/web/work/methods.ts';
import { students } from '../../src/web/work/students.ts';
import { studentNames } from '../../zoo/folders.ts';
import { loadStudent } from '../../zoo/students.ts';

/** Training images of both datasets without those that measure a run. */
const examples = 59_000;

/** Why a method does not run on a pair; undefined where it does. */
function reasonOf(
  method: string,
  nets: Parameters<ReturnType<typeof lossesOf>[number]>[0],
): string | undefined {
  try {
    for (const loss of lossesOf(method)) loss(nets);
    return undefined;
  } catch (e) {
    return messageOf(e)
      .replace(/^[\w-]+: /, '')
      .replace(/; name the places to compare$/, '');
  }
}

/** By student, teacher and method. What fits is not among them. */
export function refusals(): Refusals {
  const teachers = studentNames().map((id) => [id, loadStudent(id)] as const);
  const ofPair = (student: Graph, net: Net): Readonly<Record<string, string>> =>
    Object.fromEntries(
      methodNames.flatMap(({ id }) => {
        const reason = reasonOf(id, { student, teacher: net.graph, teacherNet: net, examples });
        return reason === undefined ? [] : [[id, reason]];
      }),
    );
  return Object.fromEntries(
    students.map(({ id, make }) => {
      const student = make();
      return [id, Object.fromEntries(teachers.map(([teacher, net]) => [teacher, ofPair(student, net)]))];
    }),
  );
}
