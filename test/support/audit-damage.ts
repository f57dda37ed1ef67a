import { readFileSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { appendAt, tamper } from './audit.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** Records 1 and 2 in April, 3 to 6 in May, 7 and 8 in June. */
export const times = ['04-01', '04-02', '05-01', '05-02', '05-03', '05-04', '06-01', '06-02'].map(
  (day) => `2026-${day}T10:00:00.000Z`,
);

/** A data directory with these records, one life of the log. */
export async function threeMonths(): Promise<{ data: string; path: (name: string) => string }> {
  const data = temporaryDirectory();
  await appendAt(data, times);
  return { data, path: (name) => join(data, 'audit', name) };
}

const lineOf = (text: string, number: number) => `${text.split('\n')[number - 1]}\n`;
/** Takes a line out of a text. */
export const withoutLine = (number: number) => (text: string) => text.replace(lineOf(text, number), '');

type Damage = (path: (name: string) => string) => void;

/** What is done to three months of audit, and all that verify says of it. */
export const damages: readonly [string, Damage, readonly string[]][] = [
  [
    'a byte changed in the middle',
    (path) => tamper(path('2026-05.jsonl'), (text) => text.replace('key-3', 'key-X')),
    ['2026-05.jsonl:2: the record was changed after it was written: its hash does not fit (record 4)'],
  ],
  [
    'a hash changed',
    (path) =>
      tamper(path('2026-05.jsonl'), (text) =>
        text.replace(/"hash":"(.)/, (_all, digit) => `"hash":"${digit === '0' ? 1 : 0}`),
      ),
    ['2026-05.jsonl:1: the record was changed after it was written: its hash does not fit (record 3)'],
  ],
  [
    'bytes that are no UTF-8',
    (path) => tamper(path('2026-05.jsonl'), (text) => text.replace('key-3', 'key-\xff')),
    ['2026-05.jsonl:2: the line was changed: it is not UTF-8'],
  ],
  [
    'a line taken out',
    (path) => tamper(path('2026-05.jsonl'), withoutLine(2)),
    ['2026-05.jsonl:2: record 4, which belongs before this one, is missing'],
  ],
  [
    'two lines taken out',
    (path) => tamper(path('2026-05.jsonl'), (text) => withoutLine(2)(withoutLine(2)(text))),
    ['2026-05.jsonl:2: records 4 to 5, which belong before this one, are missing'],
  ],
  [
    'a line put in twice',
    (path) => tamper(path('2026-05.jsonl'), (text) => text.replace(lineOf(text, 2), (line) => line + line)),
    ['2026-05.jsonl:3: record 4 stands here a second time'],
  ],
  [
    'an earlier line put in',
    (path) => tamper(path('2026-05.jsonl'), (text) => text.replace(lineOf(text, 3), (line) => line + lineOf(text, 1))),
    [
      '2026-05.jsonl:4: record 3 stands after record 5: it was moved, repeated or put in',
      '2026-05.jsonl:5: records 4 to 5, which belong before this one, are missing',
    ],
  ],
  [
    'an empty line put in',
    (path) => tamper(path('2026-05.jsonl'), (text) => text.replace('\n', '\n\n')),
    [
      '2026-05.jsonl:2: the line is not an audit record',
      '2026-05.jsonl:3: record 4 stands after record 4: it was moved, repeated or put in',
    ],
  ],
  [
    'a line feed taken out',
    (path) => tamper(path('2026-05.jsonl'), (text) => text.replace('\n', '')),
    [
      '2026-05.jsonl:1: the line is not an audit record',
      '2026-05.jsonl:2: record 4, which belongs before this one, is missing',
    ],
  ],
  [
    'a middle file removed',
    (path) => rmSync(path('2026-05.jsonl')),
    ['2026-06.jsonl:1: records 3 to 6, which belong before this one, are missing'],
  ],
  [
    'the first file removed',
    (path) => rmSync(path('2026-04.jsonl')),
    ['2026-05.jsonl:1: records 1 to 2, which belong before this one, are missing'],
  ],
  [
    'the last file removed',
    (path) => rmSync(path('2026-06.jsonl')),
    ['head.json: the chain had 8 records (the last in 2026-06.jsonl); it ends at record 6'],
  ],
  [
    'every file removed',
    (path) => ['04', '05', '06'].forEach((month) => rmSync(path(`2026-${month}.jsonl`))),
    ['head.json: the chain had 8 records (the last in 2026-06.jsonl); it ends at record 0'],
  ],
  [
    'a middle file shortened by whole lines',
    (path) => tamper(path('2026-05.jsonl'), (text) => text.replace(lineOf(text, 4), '')),
    ['2026-06.jsonl:1: record 6, which belongs before this one, is missing'],
  ],
  [
    'a middle file cut off within a line',
    (path) => truncateSync(path('2026-05.jsonl'), readFileSync(path('2026-05.jsonl')).length - 10),
    ['2026-05.jsonl:4: the line has no end, although more was written after it'],
  ],
  [
    'the last file shortened by a line',
    (path) => tamper(path('2026-06.jsonl'), withoutLine(2)),
    ['head.json: the chain had 8 records (the last in 2026-06.jsonl); it ends at record 7'],
  ],
  [
    'the last file cut off within a line',
    (path) => truncateSync(path('2026-06.jsonl'), readFileSync(path('2026-06.jsonl')).length - 1),
    [
      '2026-06.jsonl:2: the line has no end, although more was written after it',
      'head.json: the chain had 8 records (the last in 2026-06.jsonl); it ends at record 7',
    ],
  ],
  [
    'a record moved to the next file',
    (path) => {
      const line = lineOf(readFileSync(path('2026-05.jsonl'), 'utf8'), 4);
      tamper(path('2026-05.jsonl'), (text) => text.replace(line, ''));
      tamper(path('2026-06.jsonl'), (text) => line + text);
    },
    ['head.json: record 8, as it stands here, is not where 2026-06.jsonl should have it'],
  ],
  [
    'head.json truncated',
    (path) => truncateSync(path('head.json'), 40),
    ['head.json: it is not as it was written: whether the chain was shortened cannot be told'],
  ],
  [
    'head.json removed',
    (path) => rmSync(path('head.json')),
    ['head.json: it is missing: whether the chain was shortened cannot be told'],
  ],
  [
    'head.json of another chain',
    (path) => tamper(path('head.json'), (text) => text.replace(/"hash":"\w+"/, `"hash":"${'ab'.repeat(32)}"`)),
    ['head.json: record 8, as it stands here, is not where 2026-06.jsonl should have it'],
  ],
];
