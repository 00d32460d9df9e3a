import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { inProcessHistory, inProcessMemory } from '../../src/runtime/index.ts';
import type { MemoryStore, Message } from '../../src/runtime/index.ts';
import { rejection } from './support/agents.ts';

const { signal } = new AbortController();

async function memoryOf(...texts: string[]): Promise<MemoryStore> {
  const memory = inProcessMemory();
  for (const [index, text] of texts.entries()) await memory.add({ id: String(index), text });
  return memory;
}

async function search(memory: MemoryStore, query: string, limit = 10, scopes?: readonly string[]): Promise<string[]> {
  const found = await memory.search(query, { limit, signal, ...(scopes === undefined ? {} : { scopes }) });
  return found.map((match) => match.id);
}

describe('an in-process memory', () => {
  test('finds records by their words, the best first', async () => {
    const memory = await memoryOf('tea', 'tea with milk and sugar and a long story', 'coffee', 'tea tea');

    expect(await search(memory, 'tea')).toEqual(['3', '0', '1']);
  });

  test('takes rare words more seriously than common ones', async () => {
    const memory = await memoryOf('likes green tea', 'likes green apples', 'likes green hats', 'likes zeppelins');

    expect((await search(memory, 'green zeppelins'))[0]).toBe('3');
  });

  test('finds a longer word by its beginning, after the word itself', async () => {
    const memory = await memoryOf('she was running', 'a run');

    expect(await search(memory, 'run')).toEqual(['1', '0']);
    expect(await search(memory, 'ru')).toEqual([]);
  });

  test('does not mind case, accents or the form of letters', async () => {
    const memory = await memoryOf('Café in Málaga', 'ﬁne');

    expect(await search(memory, 'CAFE MALAGA')).toEqual(['0']);
    expect(await search(memory, 'fine')).toEqual(['1']);
  });

  test('knows words where no spaces are written', async () => {
    const memory = await memoryOf('東京で寿司を食べた', '大阪に住んでいる');

    expect(await search(memory, '寿司')).toEqual(['0']);
  });

  test('gives no more than asked for, and only of the scopes asked for', async () => {
    const memory = inProcessMemory();
    await memory.add({ id: 'a', text: 'tea', scope: 'ada' });
    await memory.add({ id: 'b', text: 'tea', scope: 'bob' });
    await memory.add({ id: 'n', text: 'tea' });

    expect(await search(memory, 'tea', 1)).toHaveLength(1);
    expect(await search(memory, 'tea', 10, ['ada'])).toEqual(['a']);
    expect(await search(memory, 'tea', 10, [])).toEqual([]);
    expect((await search(memory, 'tea')).toSorted()).toEqual(['a', 'b', 'n']);
  });

  test('gives back the whole record with a score', async () => {
    const memory = inProcessMemory();
    await memory.add({ id: 'a', text: 'tea', scope: 'ada', metadata: { day: 1 } });

    expect(await memory.search('tea', { limit: 1, signal })).toEqual([
      { id: 'a', text: 'tea', scope: 'ada', metadata: { day: 1 }, score: expect.any(Number) },
    ]);
  });

  test('replaces a record with the same id, and forgets what is removed', async () => {
    const memory = await memoryOf('tea');
    await memory.add({ id: '0', text: 'coffee' });

    expect(await search(memory, 'tea')).toEqual([]);
    expect(await search(memory, 'coffee')).toEqual(['0']);
    expect(await memory.remove('0')).toBe(true);
    expect(await memory.remove('0')).toBe(false);
    expect(await search(memory, 'coffee')).toEqual([]);
  });

  test('ranks as if what was removed had never been there', async () => {
    const used = await memoryOf('tea', 'tea with milk', 'green tea and biscuits');
    for (const id of ['x', 'y']) await used.add({ id, text: `${'word '.repeat(50)} tea` });
    for (const id of ['x', 'y']) await used.remove(id);
    const fresh = await memoryOf('tea', 'tea with milk', 'green tea and biscuits');

    expect(await used.search('green tea', { limit: 9, signal })).toEqual(
      await fresh.search('green tea', { limit: 9, signal }),
    );
  });

  test('forgets the oldest record beyond its size', async () => {
    const memory = inProcessMemory({ maxRecords: 2 });
    for (const id of ['1', '2', '3']) await memory.add({ id, text: 'tea' });

    expect((await search(memory, 'tea')).toSorted()).toEqual(['2', '3']);
  });

  test('takes any text for a query', async () => {
    const memory = await memoryOf('tea');
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 200 }), async (query) => {
        await search(memory, query);
        await search(memory, `${query} tea`);
      }),
    );
    for (const query of [
      '"',
      "tea' OR 1=1 --",
      'tea* NEAR(',
      '\u0000',
      '\uD800',
      '.*+?^${}()|[]\\',
      ' '.repeat(1_000_000),
    ]) {
      await search(memory, query);
    }
    expect(await search(memory, 'tea '.repeat(1_000_000))).toEqual(['0']);
  });

  test('does not search for somebody who has left', async () => {
    const memory = await memoryOf('tea');

    expect(await rejection(memory.search('tea', { limit: 1, signal: AbortSignal.abort('gone') }))).toBe('gone');
  });
});

describe('an in-process history', () => {
  const user = (content: string): Message => ({ role: 'user', content });
  const assistant = (content: string): Message => ({ role: 'assistant', content });

  test('gives back what was saved, and nothing for a new conversation', async () => {
    const history = inProcessHistory();
    await history.save('a', [user('hi')]);

    expect(await history.load('a')).toEqual([user('hi')]);
    expect(await history.load('b')).toEqual([]);
  });

  test('forgets the conversation that was silent for longest', async () => {
    const history = inProcessHistory({ maxConversations: 2 });
    for (const id of ['a', 'b', 'a', 'c']) await history.save(id, [user(id)]);

    expect(await history.load('a')).toEqual([user('a')]);
    expect(await history.load('b')).toEqual([]);
    expect(await history.load('c')).toEqual([user('c')]);
  });

  test('keeps the newest messages, from one of the user on', async () => {
    const history = inProcessHistory({ maxMessages: 3 });
    const tool: Message = { role: 'tool', content: [] };

    await history.save('a', [user('1'), assistant('2'), tool, assistant('3'), user('4'), assistant('5')]);
    await history.save('b', [user('1'), assistant('2'), tool, assistant('3'), tool, assistant('4')]);

    expect(await history.load('a')).toEqual([user('4'), assistant('5')]);
    expect((await history.load('b')).length).toBe(6);
  });
});
