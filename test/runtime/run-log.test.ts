import { describe, expect, test } from 'vitest';

import { createAgent, createRuntime, inProcessMemory, jsonLog } from '../../src/runtime/index.ts';
import type { LogEntry, Transport } from '../../src/runtime/index.ts';
import { createRuntimeWith } from '../../src/runtime/runtime.ts';
import { scriptedModel } from '../../src/testing/scripted-model.ts';
import { echo, rejection } from './support/agents.ts';
import { mailbox } from './support/mailbox.ts';
import { manualTime } from './support/manual-time.ts';
import { recordSpans } from './support/spans.ts';

const recorder = recordSpans();

/** A log that is kept, as the lines it is written in. */
function keptLog() {
  const lines: string[] = [];
  const onLog = jsonLog({ write: (line: unknown) => lines.push(String(line)) > 0 });
  const entries = (): LogEntry[] => lines.map((line) => JSON.parse(line) as LogEntry);
  return { onLog, lines, entries };
}

/** An agent that asks another one, whose tool fails. */
function team() {
  const child = createAgent({
    name: 'child',
    models: [scriptedModel([{ toolCalls: [{ name: 'echo', input: { text: 'secret-9' } }] }, 'secret-9'])],
    tools: [
      {
        ...echo(),
        execute: () => {
          throw new RangeError('secret-9');
        },
      },
    ],
  });
  return createAgent({
    name: 'helper',
    models: [scriptedModel([{ toolCalls: [{ name: 'ask_child', input: { task: 'secret-9' } }] }, 'secret-9'])],
    tools: [child.asTool()],
    memory: inProcessMemory(),
  });
}

describe('the log of a run', () => {
  test('says who, in which run, conversation, transport and trace, also of sub-agents', async () => {
    const { onLog, entries } = keptLog();
    const runtime = createRuntime({ agents: [team()], transports: [], onLog });

    await runtime.handle('helper', mailbox().message('secret-9'));

    const [helper, child] = ['helper', 'child'].map((name) => recorder.only(`agent.invoke ${name}`));
    const { traceId } = helper!.spanContext();
    const run_id = helper!.attributes['faultline.run.id'];
    const about = { run_id, conversation: 'c-1', transport: 'mail', trace_id: traceId };
    expect(entries().every((entry) => Object.entries(about).every(([name, value]) => entry[name] === value))).toBe(
      true,
    );
    const said = (agent: string): unknown[] =>
      entries().flatMap((entry) =>
        entry.agent === agent && entry.level !== 'debug' ? [[entry.level, entry.message, entry.depth]] : [],
      );
    expect(said('helper')).toEqual([
      ['info', 'run started', 0],
      ['info', 'tool ended', 0],
      ['info', 'run ended', 0],
    ]);
    expect(said('child')).toEqual([
      ['info', 'run started', 1],
      ['warn', 'tool failed', 1],
      ['info', 'run ended', 1],
    ]);
    expect(entries().find(({ agent, message }) => agent === 'child' && message === 'run ended')).toMatchObject({
      span_id: child!.spanContext().spanId,
      turns: 2,
      tool_errors: 1,
      input_tokens: 20,
      output_tokens: 10,
      finish_reason: 'stop',
    });
  });

  test('is one object per line, without a word of content', async () => {
    const { onLog, lines, entries } = keptLog();

    await team().run('secret-9', { onLog });

    expect(lines.every((line) => line.endsWith('}\n') && line.indexOf('\n') === line.length - 1)).toBe(true);
    expect(lines.join('')).not.toContain('secret-9');
    expect(entries()[0]).toMatchObject({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      message: 'run started',
    });
  });

  test('has no secret in a name or an id', async () => {
    const key = ['sk-', 'proj-', 'Q7f3kP9xLm2vTz8R'].join('');
    const { onLog, lines, entries } = keptLog();
    const agent = createAgent({
      name: 'helper',
      models: [scriptedModel([{ toolCalls: [{ name: 'echo', input: { text: 'hello' } }] }, 'hello'])],
      tools: [echo()],
    });

    await agent.run('hello', { onLog, conversationId: `for ${key}` });

    expect(lines.join('')).not.toContain('Q7f3');
    expect(entries()[0]).toMatchObject({ conversation: 'for [redacted:openai_key]' });
    expect(entries().map(({ message }) => message)).toContain('tool ended');
  });

  test('has no secret in the name of a transport', async () => {
    const key = ['sk-', 'proj-', 'Q7f3kP9xLm2vTz8R'].join('');
    const { onLog, lines, entries } = keptLog();
    const runtime = createRuntime({ agents: [team()], transports: [], onLog });

    await runtime.handle('helper', mailbox(`mail of ${key}`).message('hi'));

    expect(lines.join('')).not.toContain('Q7f3');
    expect(entries()[0]).toMatchObject({ message: 'run started', transport: 'mail of [redacted:openai_key]' });
  });

  test('says what went wrong by class, and by which limit', async () => {
    const { onLog, entries } = keptLog();
    const failing = createAgent({
      name: 'failing',
      models: [
        { model: scriptedModel([{ error: new TypeError('secret-9') }], { modelId: 'm-1' }), maxRetries: 0 },
        { model: scriptedModel([{ toolCalls: [{ name: 'echo', input: { text: 'a' } }] }], { modelId: 'm-2' }) },
      ],
      tools: [echo()],
      maxTurns: 1,
    });

    await rejection(failing.run('hi', { onLog }));

    expect(entries().filter(({ level }) => level === 'warn' || level === 'error')).toMatchObject([
      { message: 'next model asked', from: 'm-1', to: 'm-2', reason: 'TypeError' },
      { message: 'run met a limit', limit: 'turns', allowed: 1 },
      { message: 'run failed', error_type: 'MaxTurnsError' },
    ]);
  });

  test('that fails does no harm', async () => {
    const onLog = (): void => {
      throw new Error('disk full');
    };

    expect(await team().run('hi', { onLog })).toMatchObject({ text: 'secret-9' });
  });
});

describe('the log of a runtime', () => {
  test('counts crashes of a transport and says when it is started again', async () => {
    const time = manualTime();
    const { onLog, entries } = keptLog();
    const transport: Transport = { name: 'slack', start: () => Promise.reject(new RangeError('xoxb-secret-9')) };
    const agents = [createAgent({ name: 'helper', models: [scriptedModel([])] })];
    const transports = [{ transport, agent: 'helper' }];
    const runtime = createRuntimeWith(time, { agents, transports, onCrash: 'restart', onLog });

    const working = runtime.start();
    time.advance(await time.nextTimer());
    await time.nextTimer();
    await runtime.stop();
    await working;

    const crash = { level: 'error', message: 'transport crashed', transport: 'slack', error_type: 'RangeError' };
    expect(entries()).toMatchObject([
      { ...crash, crashes: 1, restart_in_ms: 1_000 },
      { ...crash, crashes: 2, restart_in_ms: 2_000 },
      { level: 'info', message: 'runtime stopped', aborted: 0 },
    ]);
    expect(JSON.stringify(entries())).not.toContain('secret-9');
  });

  test('says which messages were turned away, and why', async () => {
    const { onLog, entries } = keptLog();
    const runtime = createRuntime({ agents: [team()], transports: [], onLog });
    await runtime.stop();

    await runtime.handle('helper', mailbox().message('hi'));

    expect(entries().at(-1)).toMatchObject({
      level: 'warn',
      message: 'message refused',
      agent: 'helper',
      conversation: 'c-1',
      transport: 'mail',
      reason: 'stopping',
    });
  });
});
