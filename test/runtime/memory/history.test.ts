import { describe, expect, test } from 'vitest';

import { inProcessHistory } from '../../../src/runtime/index.ts';
import type { Message } from '../../../src/runtime/index.ts';

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

  test('forgets it as well when all of them together have become too large, and never the one that speaks', async () => {
    const history = inProcessHistory({ maxCharacters: 1_300 });
    const screenshot = (data: string): Message => ({
      role: 'tool',
      content: [
        {
          type: 'tool-result',
          toolCallId: 'call_1',
          toolName: 'screenshot',
          output: { type: 'json', value: { content: [{ type: 'image', data }] } },
        },
      ],
    });
    const kept = async (): Promise<string[]> => {
      const ids: string[] = [];
      for (const id of ['a', 'b', 'c']) if ((await history.load(id)).length > 0) ids.push(id);
      return ids;
    };

    await history.save('a', [user('hi'), screenshot('x'.repeat(400))]);
    await history.save('b', [user('y'.repeat(400))]);
    expect(await kept()).toEqual(['a', 'b']);
    await history.save('a', [user('z'.repeat(100))]);
    await history.save('c', [user('y'.repeat(400))]);
    expect(await kept()).toEqual(['a', 'b', 'c']);
    await history.save('c', [user('y'.repeat(400)), assistant('y'.repeat(400))]);
    expect(await kept()).toEqual(['a', 'c']);
    await history.save('c', [user('y'.repeat(4_000))]);
    expect(await kept()).toEqual(['c']);
    await history.save('a', [user('hi')]);
    expect(await kept()).toEqual(['a']);
  });

  const result = (value: unknown): Message => ({
    role: 'tool',
    content: [{ type: 'tool-result', toolCallId: 'call_1', toolName: 'query', output: { type: 'json', value } }],
  });

  test('counts the rows of a table as well, which take memory without a text in them', async () => {
    const history = inProcessHistory({ maxCharacters: 10_000 });
    const rows = Array.from({ length: 100 }, (_, id) => ({ id, price: id / 7, sold: true }));

    await history.save('a', [user('hi'), result(rows)]);
    await history.save('b', [user('hi'), result(rows)]);

    expect([(await history.load('a')).length, (await history.load('b')).length]).toEqual([0, 2]);
  });

  test('counts the bytes of a file once', async () => {
    const history = inProcessHistory({ maxCharacters: 10_000 });
    const kept: number[] = [];

    for (const id of ['a', 'b', 'c']) await history.save(id, [user('hi'), result(new Uint8Array(4_000))]);
    for (const id of ['a', 'b', 'c']) kept.push((await history.load(id)).length);

    expect(kept).toEqual([0, 2, 2]);
  });

  test('keeps what is as deep as JSON may be, and what knows itself', async () => {
    const history = inProcessHistory();
    const deep = JSON.parse('['.repeat(5_000) + ']'.repeat(5_000)) as unknown;
    const tree: Record<string, unknown> = {};
    tree['leaf'] = { tree };
    const messages = [user('hi'), result(deep), result(tree)];

    await history.save('a', messages);

    expect(await history.load('a')).toHaveLength(messages.length);
  });

  test('keeps the newest messages, from one of the user on', async () => {
    const history = inProcessHistory({ maxMessages: 3 });
    const tool: Message = { role: 'tool', content: [] };

    await history.save('a', [user('1'), assistant('2'), tool, assistant('3'), user('4'), assistant('5')]);
    await history.save('b', [user('1'), assistant('2'), tool, assistant('3'), tool, assistant('4')]);

    await history.save('c', [assistant('0'), user('1'), assistant('2'), user('3')]);
    await history.save('d', [assistant('0'), assistant('1')]);

    expect(await history.load('a')).toEqual([user('4'), assistant('5')]);
    expect(await history.load('c')).toEqual([user('1'), assistant('2'), user('3')]);
    expect((await history.load('b')).length).toBe(6);
    expect((await history.load('d')).length).toBe(2);
  });
});
