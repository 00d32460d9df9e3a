import { expect, test } from 'vitest';

import { createPaint } from '../../src/cli/paint.ts';

const TERMINAL = { isTTY: true };
const PIPE = {};

test.each<[string, { isTTY?: boolean }, Record<string, string>, boolean]>([
  ['a terminal', TERMINAL, {}, true],
  ['a terminal that is dumb', TERMINAL, { TERM: 'dumb' }, false],
  ['a terminal whose user wants no colour', TERMINAL, { NO_COLOR: '1' }, false],
  ['a terminal, with an empty NO_COLOR', TERMINAL, { NO_COLOR: '' }, true],
  ['a pipe', PIPE, { TERM: 'xterm-256color' }, false],
  ['a pipe, when it is forced', PIPE, { FORCE_COLOR: '1', NO_COLOR: '1' }, true],
  ['a terminal, when FORCE_COLOR is 0', TERMINAL, { FORCE_COLOR: '0' }, false],
])('text for %s is coloured only where it is to be', (_, stream, env, coloured) => {
  expect(createPaint(stream, env)('red', 'failed')).toBe(coloured ? '\u001b[31mfailed\u001b[39m' : 'failed');
});
