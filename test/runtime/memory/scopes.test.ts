import { expect, test } from 'vitest';

import { perAgent, perConversation, perUser } from '../../../src/runtime/memory/scopes.ts';

test('scopes are named after what the run is about, so that ids of different things are never taken for another', () => {
  const run = { agent: 'same', conversationId: 'same', user: { id: 'same' } };

  expect([perAgent(run), perConversation(run), perUser(run)]).toEqual([
    ['agent:same'],
    ['conversation:["","same"]'],
    ['user:same'],
  ]);
});

test('a run has no scope of what it does not know', () => {
  expect([perAgent({}), perConversation({}), perUser({ user: { name: 'Ada' } })]).toEqual([[], [], []]);
});

test('a conversation of one transport is not that of another, whose users may choose its id', () => {
  expect(perConversation({ conversationId: 'T1-C1', transport: 'http' })).not.toEqual(
    perConversation({ conversationId: 'T1-C1', transport: 'slack' }),
  );
});
