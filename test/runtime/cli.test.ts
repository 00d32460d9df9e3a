import { PassThrough } from 'node:stream';

import { expect, test } from 'vitest';

import { cliTransport, createAgent, createRuntime } from '../../src/runtime/index.ts';
import type { CliTransportOptions } from '../../src/runtime/index.ts';
import { scriptedModel, type ScriptedTurn, type ScriptedTurnFunction } from '../../src/testing/scripted-model.ts';

/** A command line conversation: `type` what a person would, `shown` is what they would see. */
function commandLine(
  turns: readonly (ScriptedTurn | ScriptedTurnFunction)[],
  options: CliTransportOptions = {},
  ...fallbacks: (readonly ScriptedTurn[])[]
) {
  const input = new PassThrough();
  const output = new PassThrough();
  let shown = '';
  const waiting: { readonly text: string; readonly resolve: () => void }[] = [];
  output.setEncoding('utf8');
  output.on('data', (chunk: string) => {
    shown += chunk;
    for (const { text, resolve } of waiting) if (shown.includes(text)) resolve();
  });
  const model = scriptedModel(turns);
  const models = [model, ...fallbacks.map((turns) => scriptedModel(turns))];
  const agent = createAgent({ name: 'helper', models, maxRetries: 0 });
  const runtime = createRuntime({
    agents: [agent],
    transports: [{ transport: cliTransport({ input, output, ...options }), agent: 'helper' }],
  });
  return {
    model,
    runtime,
    streams: { input, output },
    working: runtime.start(),
    type: (text: string) => void input.write(text),
    leave: () => void input.end(),
    shown: () => shown,
    shows: (text: string) =>
      new Promise<void>((resolve) => {
        if (shown.includes(text)) resolve();
        else waiting.push({ text, resolve });
      }),
  };
}

test('each line is a message of one conversation, and the end of the input is the end', async () => {
  const { model, working, type, leave, shown } = commandLine(['Hello.', 'You said hi.']);
  type('hi\n\n');
  type('what did I say?\n');
  leave();

  await working;

  expect(shown()).toBe('Hello.\nYou said hi.\n');
  expect(model.calls.map((call) => call.prompt.length)).toEqual([1, 3]);
});

test('answers appear as they are written', async () => {
  const { runtime, working, type, shown, shows } = commandLine([{ hang: 'Once upon' }]);
  type('tell me\n');
  await shows('Once upon');

  expect(shown()).toBe('Once upon');
  await runtime.stop();
  await working;
});

test('a prompt asks for the next line', async () => {
  const { working, type, leave, shown, shows } = commandLine(['Hello.'], { prompt: 'you: ' });
  type('hi\n');
  await shows('Hello.\nyou: ');
  leave();

  await working;

  expect(shown()).toBe('you: Hello.\nyou: ');
});

test('text that is taken back is followed by the new one', async () => {
  const { working, type, leave, shown } = commandLine([{ cut: 'Once upon' }], {}, ['Twice.']);
  type('tell me\n');
  leave();

  await working;

  expect(shown()).toBe('Once upon\n(starting again)\nTwice.\n');
});

test('a failure is a sentence on a line of its own', async () => {
  const { working, type, leave, shown } = commandLine([{ cut: 'Once upon' }]);
  type('tell me\n');
  leave();

  await working;

  expect(shown()).toMatch(
    /^Once upon\n\(starting again\)\nSomething went wrong and I could not answer\. If you report it, please mention [0-9a-f]{8}\.\n$/,
  );
});

const CTRL_C = '\u0003';

test('Ctrl-C aborts the answer, and the conversation goes on', async () => {
  const { model, working, type, leave, shown, shows } = commandLine([{ hang: 'Once upon' }, 'Fine.'], {
    terminal: true,
    prompt: '',
  });
  type('tell me\r');
  await shows('Once upon');
  type(CTRL_C);
  type('something else\r');
  await shows('Fine.');
  leave();

  await working;

  expect(model.calls[0]?.abortSignal?.aborted).toBe(true);
  expect(shown()).not.toContain('Something went wrong');
});

test('a second Ctrl-C leaves', async () => {
  const { working, type, shows } = commandLine([{ hang: 'Once upon' }], { terminal: true });
  type('tell me\r');
  await shows('Once upon');
  type(CTRL_C);
  type(CTRL_C);

  await expect(working).resolves.toBeUndefined();
});

test('Ctrl-C twice leaves when there is nothing to abort', async () => {
  const { working, type, shows, shown } = commandLine([], { terminal: true });
  await shows('> ');
  type(CTRL_C);
  await shows('press Ctrl-C again to leave');
  type(CTRL_C);

  await working;
  expect(shown()).toContain('(press Ctrl-C again to leave)');
});

test.each(['input', 'output'] as const)('an %s that breaks is a crash, and does not end the process', async (what) => {
  const { model, working, streams, type, shows } = commandLine([{ hang: 'Once upon' }]);
  type('tell me\n');
  await shows('Once upon');
  streams[what].destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));

  await expect(working).rejects.toMatchObject({
    name: 'ConversationLostError',
    message: `the conversation ended because its ${what} cannot be ${what === 'input' ? 'read' : 'written'} (ECONNRESET)`,
  });
  expect(model.calls.map((call) => call.abortSignal?.aborted)).toEqual([true]);
});

test('stopping the runtime ends the conversation and its answer', async () => {
  const { model, runtime, working, type, shows } = commandLine([{ hang: 'Once upon' }]);
  type('tell me\nand then?\n');
  await shows('Once upon');

  await runtime.stop();
  await working;

  expect(model.calls.map((call) => call.abortSignal?.aborted)).toEqual([true]);
});

test('stopping the runtime before the conversation has begun is its end', async () => {
  const { runtime, working, shown } = commandLine([], { prompt: 'you: ' });

  await runtime.stop();
  await working;

  expect(shown()).toBe('');
});
