import os from 'node:os';
import { describe, expect, test } from 'vitest';
import { lastLines } from './last-lines.js';

describe('the last lines of a failed trial', () => {
  test('are the end of what it printed, without empty lines and colours', () => {
    const many = Array.from({ length: 40 }, (_, i) => `line ${i}`).join('\n\n');
    expect(lastLines(`${many}\n\u001b[31mValueError: bad\u001b[0m\n`, undefined)!.split('\n')).toEqual([
      ...Array.from({ length: 11 }, (_, i) => `line ${29 + i}`),
      'ValueError: bad',
    ]);
    expect(lastLines('\n \n', undefined)).toBeNull();
  });

  test('show of a progress bar what it showed last', () => {
    expect(lastLines('10 %\r20 %\r30 %\nKilled\n', undefined)).toBe('30 %\nKilled');
  });

  test.each([
    [
      '  File "/home/anna/code/train.py", line 3, in <module>',
      '  File "[path left out]", line 3, in <module>',
    ],
    ['no such file: scans/Doe_Jane.dcm', 'no such file: scans/[file]'],
    ["cannot decode 'IM-0001.DCM'", "cannot decode '[file]'"],
    ['object 1.2.840.113619.2.55.3 is broken', 'object [identifier] is broken'],
    ["(0010,0010) Patient's Name: Doe^Jane", "(0010,0010) Patient's Name: [left out]"],
    ['read Doe^Jane^M, 12 slices', 'read [name], 12 slices'],
    ['      ^^^^^^', '      ^^^^^^'],
    ['PatientID = 4711, more', 'PatientID = [left out]'],
    [`started on ${os.hostname()}`, 'started on [machine]'],
    ['CUDA out of memory. Tried to allocate 2.00 GiB', 'CUDA out of memory. Tried to allocate 2.00 GiB'],
  ])('%s', (line, kept) => expect(lastLines(line, undefined)).toBe(kept));
});
