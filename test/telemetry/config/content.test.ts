import { describe, expect, it } from 'vitest';

import type { TracingOptions } from '../../../src/telemetry/config/options.ts';
import { DSN, resolving } from './resolving.ts';

const CAPTURE = 'OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT';
const MESSAGES = 'FAULTLINE_ERROR_MESSAGES';

function withVariables(variables: Readonly<Record<string, string>>) {
  return resolving({ SENTRY_DSN: DSN, ...variables });
}

describe('whether content is recorded', () => {
  it.each([
    ['true', true],
    ['1', true],
    ['SPAN_ONLY', true],
    ['span_only', true],
    ['false', false],
    ['NO_CONTENT', false],
    ['', false],
  ])('is what the variable of the GenAI instrumentations says: %j', (value, expected) => {
    const { config, problems } = withVariables({ [CAPTURE]: value });
    expect({ captured: config.captureContent, problems }).toEqual({ captured: expected, problems: [] });
  });

  it.each(['EVENT_ONLY', 'SPAN_AND_EVENT'])('is yes, with one notice that it is on spans, for %s', (value) => {
    const { config, problems } = withVariables({ [CAPTURE]: value });
    expect(config.captureContent).toBe(true);
    expect(problems).toEqual([{ key: CAPTURE, message: expect.stringContaining('on spans only') as string }]);
  });

  it.each(['some', 'constructor', '__proto__'])('is no, and said once, when the variable is %j', (value) => {
    const { config, problems } = withVariables({ [CAPTURE]: value });
    expect(config.captureContent).toBe(false);
    const message = `${CAPTURE} must be true, SPAN_ONLY, false or NO_CONTENT, but is "${value}".`;
    expect(problems).toEqual([{ key: CAPTURE, message }]);
  });

  it('is decided kind by kind in code, which wins', () => {
    const captureContent = { inputs: true, toolResults: false };
    expect(resolving({ SENTRY_DSN: DSN, [CAPTURE]: 'true' }, { captureContent }).config.captureContent).toEqual(
      captureContent,
    );
  });

  it.each<[unknown, string]>([
    ['yes', 'captureContent must be true, false or an object of inputs, outputs'],
    [{ prompts: true }, 'but has "prompts"'],
    [{ inputs: 'yes' }, 'but has "inputs": "yes"'],
  ])('throws when it is %j in code', (captureContent, expected) => {
    const options = { captureContent } as TracingOptions;
    expect(() => resolving({}, options)).toThrow(TypeError);
    expect(() => resolving({}, options)).toThrow(expected);
  });
});

describe('what is sent of error messages', () => {
  it('is left open, so that it follows from what is recorded', () => {
    expect(withVariables({}).config).not.toHaveProperty('errorMessages');
  });

  it.each<[string, unknown]>([
    ['withheld', 'withheld'],
    ['Redacted', 'redacted'],
    ['WeatherError, SqliteError', ['WeatherError', 'SqliteError']],
  ])('is what the variable says: %s', (value, expected) => {
    expect(withVariables({ [MESSAGES]: value }).config.errorMessages).toEqual(expected);
  });

  it('is a list of class names and nothing else', () => {
    const { config, problems } = withVariables({ [MESSAGES]: 'all of them!' });
    expect(config).not.toHaveProperty('errorMessages');
    expect(problems).toHaveLength(1);
    expect(() => resolving({}, { errorMessages: [7] } as unknown as TracingOptions)).toThrow('errorMessages must be');
  });
});

describe('what is redacted', () => {
  it('is only given in code, and keeps its patterns as they are', () => {
    const pattern = /order-\d+/g;
    const { config } = resolving({ SENTRY_DSN: DSN }, { redaction: { emails: false, patterns: [pattern] } });
    expect(config.redaction).toEqual({ emails: false, patterns: [pattern] });
    expect(Object.isFrozen(pattern)).toBe(false);
  });

  it.each<[unknown, string]>([
    [{ email: false }, 'redaction has "email"'],
    [{ patterns: /x/ }, 'redaction has "patterns"'],
    [{ redact: 'no' }, 'redaction has "redact"'],
    [true, 'redaction must be an object, but is true'],
  ])('throws when it is %j', (redaction, expected) => {
    expect(() => resolving({}, { redaction } as TracingOptions)).toThrow(expected);
  });
});
