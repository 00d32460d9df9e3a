import type { Answer } from '../../../src/telemetry/http/post.ts';

/** A whole answer of a server, with an empty object in it. */
export const answered = (status: number): Answer => ({
  kind: 'answered',
  status,
  headers: { 'content-type': 'application/json' },
  body: Buffer.from('{}'),
  isComplete: true,
});
