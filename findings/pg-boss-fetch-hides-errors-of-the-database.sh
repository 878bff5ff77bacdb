#!/usr/bin/env bash
# pg-boss 10.4.2: fetch() gives an empty list when the statement fails, whatever the error (a lost connection, a missing permission, a
# table that is gone), as it does when the queue has no jobs; no event "error" is emitted. complete() and send() reject with the error.
# A worker that polls with fetch() cannot tell a database that refuses from a queue that is done.
# Seen: with a database that refuses every statement after the start: fetch gives [], complete and send reject.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private": true, "type": "module"}' >package.json
npm install --silent --no-audit --no-fund pg-boss@10.4.2 @electric-sql/pglite@0.5.17
cat >run.js <<'JS'
import { PGlite } from '@electric-sql/pglite';
import PgBoss from 'pg-boss';

const engine = await PGlite.create();
let refuses = false;
const db = {
  async executeSql(text, values) {
    if (refuses) throw new Error('permission denied for table job');
    return values ? engine.query(text, values) : ((await engine.exec(text)).at(-1) ?? { rows: [] });
  },
};
const boss = new PgBoss({ db, schedule: false, supervise: false });
let events = 0;
boss.on('error', () => events++);
await boss.start();
await boss.createQueue('q');
const id = await boss.send('q', {});
refuses = true;
const outcome = (promise) => promise.then((value) => JSON.stringify(value), () => 'rejects');
console.log('fetch', await outcome(boss.fetch('q')));
console.log('complete', await outcome(boss.complete('q', id)));
console.log('send', await outcome(boss.send('q', {})));
console.log('events', events);
refuses = false;
console.log('fetch', (await boss.fetch('q')).length);
process.exit(0);
JS
got=$(node run.js | tr '\n' ' ')
echo "$got"
[ "$got" = 'fetch [] complete rejects send rejects events 0 fetch 1 ' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
