/** Command lines that are wrong, each answered with one sentence. That `faultline` then ends with 2 is in main.test.ts. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, onTestFinished, test } from 'vitest';

import { UsageError, type Command } from '../../src/cli/command.ts';
import { demo } from '../../src/cli/demo.ts';
import { run } from '../../src/cli/run.ts';
import { serve } from '../../src/cli/serve.ts';
import { runHere } from './run-here.ts';

const COMMANDS: Readonly<Record<string, Command>> = { demo, run, serve };

test.each([
  [['demo', '--onec'], 'faultline demo does not know --onec; it knows --scenario, --once, --json and --port.'],
  [['demo', '--once=yes'], "faultline demo: Option '--once' does not take an argument."],
  [['demo', '--scenario'], "faultline demo: Option '--scenario <value>' argument missing."],
  [['demo', 'fallback'], 'faultline demo takes flags only; a scenario is named with --scenario fallback.'],
  [['demo', '--port', 'http'], '--port expects a number from 0 to 65535, got http.'],
  [['demo', '--port', '65536'], '--port expects a number from 0 to 65535, got 65536.'],
  [
    ['demo', '--scenario', 'success', '--scenario', 'panic'],
    'There is no scenario panic; the scenarios are success, streaming, parallel-tools, sub-agent, fallback, ' +
      'tool-failure, memory-failure, models-exhausted, agent-error, transport-crash and abort.',
  ],
  [
    ['run', 'Hello'],
    'Which model? Name it with --model, such as --model openai/gpt-5-mini, or a file of agents with --config.',
  ],
  [
    ['run', '--modle', 'm'],
    'faultline run does not know --modle; it knows --config, --agent, --model, --base-url, --instructions and --log.',
  ],
  [
    ['run', '--model', 'openai-compatible/m', '--base-url', 'localhost:1234', 'Hello'],
    '--base-url expects a URL such as http://localhost:8000/v1, without a user.',
  ],
  [
    ['run', '--model', 'openai-compatible/m', '--base-url', 'http://me:hunter2@127.0.0.1/v1', 'Hello'],
    '--base-url expects a URL such as http://localhost:8000/v1, without a user.',
  ],
  [
    ['run', '--model', 'openai-compatible/m', '--base-url', 'http://127.0.0.1:1/v1'],
    'What should the agent be asked? Give a prompt, or pipe one in.',
  ],
  [
    ['run', '--config', 'faultline.yaml', '--model', 'openai/a', 'Rain?'],
    '--model, --base-url and --instructions make an agent of their own: leave out --config.',
  ],
  [['serve', '--port', 'high'], '--port expects a number from 0 to 65535, got high.'],
  [['serve', '--port', ''], '--port expects a number from 0 to 65535, got an empty text.'],
  [['serve', '--host', ''], '--host expects an address, got an empty text.'],
  [['serve', 'helper'], 'faultline serve takes flags only, got helper.'],
  [
    ['serve', '--conf', 'x'],
    'faultline serve does not know --conf; it knows --config, --port, --host, --log and --check.',
  ],
  [['serve', '--log', 'text'], '--log expects json, got text.'],
])('%j is answered with one sentence', async ([name, ...args], sentence) => {
  // A command may also throw before it has anything to wait for.
  await expect((async () => runHere(COMMANDS[name!]!, args))()).rejects.toThrow(new UsageError(sentence));
});

describe('faultline run with a file of several agents', () => {
  test.each([
    [[], 'Which agent? Name it with --agent; FILE has one and two.'],
    [['--agent', 'three'], 'FILE has no agent three; it has one and two.'],
  ])('%j is answered with their names', async (flags, sentence) => {
    const directory = mkdtempSync(join(tmpdir(), 'faultline-usage-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const file = join(directory, 'faultline.yaml');
    writeFileSync(file, 'agents: { one: { models: [ollama/llama3.2] }, two: { models: [ollama/llama3.2] } }');

    await expect(runHere(run, ['--config', file, ...flags, 'Rain?'])).rejects.toThrow(
      new UsageError(sentence.replace('FILE', file)),
    );
  });
});
