/** Every error the runtime throws or hands to a model. */
import { ContentFreeError, declareSafeMessage } from '../telemetry/content/content-free-error.ts';
import { errorType } from '../telemetry/linked-errors.ts';
import { codeOf } from './error-code.ts';
import { property } from './fields.ts';
import type { PartialAnswer } from './types.ts';
import { isToolName } from './validate.ts';

// --- What ends a run

/** What one model of the chain did in a turn that nobody answered. */
export interface ModelAttempt {
  readonly model: string;
  readonly provider: string;
  /** How often it was asked. */
  readonly attempts: number;
  /** Class or status of the last failure. */
  readonly reason: string;
  /** The last failure as the provider threw it. May hold the whole request: do not serialise it. */
  readonly error: unknown;
}

/** No model of the chain answered. `errors` has every failure, oldest first, `cause` is the last of all. */
export class AllModelsFailedError extends AggregateError {
  override readonly name = 'AllModelsFailedError';
  readonly attempts: readonly ModelAttempt[];

  /** @param errors every failure, oldest first; by default the last one of each model */
  constructor(attempts: readonly ModelAttempt[], errors: readonly unknown[] = attempts.map(({ error }) => error)) {
    const list = attempts.map((attempt) => `${attempt.model} (${whyUnanswered(attempt)})`).join(', ');
    super(errors, `no model answered: ${list}`, { cause: errors.at(-1) });
    this.attempts = attempts;
  }

  static {
    declareSafeMessage(AllModelsFailedError, ({ message }) => message);
  }
}

/** Why a model did not answer, in words that quote nothing of what was asked or came back. */
function whyUnanswered({ error, reason }: ModelAttempt): string {
  // A model that could not be loaded says what to do.
  if (error instanceof ModelUnavailableError) return error.message;
  // A class says little without the code of what went wrong below it; a status says it all.
  const isStatus = /^\d+$/.test(reason);
  const detail = isStatus ? undefined : (unreadableAnswer(error) ?? codeOf(error));
  return detail === undefined ? reason : `${reason}, ${detail}`;
}

function unreadableAnswer(error: unknown): string | undefined {
  // What the provider itself has said may quote the prompt.
  return error instanceof ModelResponseError && error.kind !== 'error' ? error.message : undefined;
}

/** Which limit of `RunLimits` was met. */
export type RunLimit = 'turns' | 'depth' | 'tokens' | 'cost' | 'time';

/** The run may not go further. What it had come to by then is `partial`. */
export abstract class RunLimitError extends ContentFreeError {
  abstract readonly limit: RunLimit;
  /** The limit itself: a count, milliseconds or US dollars. */
  readonly allowed: number;
  // Private, because it is content: whoever prints the error must not print the conversation.
  #partial: PartialAnswer | undefined;

  constructor(message: string, allowed: number) {
    super(message);
    this.allowed = allowed;
  }

  /** Absent when no model had answered. */
  get partial(): PartialAnswer | undefined {
    return this.#partial;
  }

  /** Keeps what a run had come to. One error can end a run and the runs above it; each says what it had itself. */
  static keepPartial(error: unknown, partial: PartialAnswer | undefined): void {
    if (error instanceof RunLimitError && partial !== undefined) error.#partial = partial;
  }
}

/** The model still asked for tools in the last turn the run may take. */
export class MaxTurnsError extends RunLimitError {
  override readonly name = 'MaxTurnsError';
  override readonly limit = 'turns';

  constructor(maxTurns: number) {
    super(`no final answer within ${maxTurns} turns`, maxTurns);
  }
}

/** An agent was called by more agents than `maxDepth` of one of them allows. */
export class MaxDepthError extends RunLimitError {
  override readonly name = 'MaxDepthError';
  override readonly limit = 'depth';

  constructor(agent: string, maxDepth: number) {
    super(`${agent} would be more than ${maxDepth} levels below the first agent`, maxDepth);
  }
}

/** A run has spent all the tokens or dollars it may, with the runs below it. Answers already paid for count. */
export class BudgetExceededError extends RunLimitError {
  override readonly name = 'BudgetExceededError';
  override readonly limit: 'tokens' | 'cost';
  /** What was spent: tokens or US dollars, as `limit` says. */
  readonly spent: number;

  constructor(agent: string, limit: 'tokens' | 'cost', spent: number, allowed: number) {
    const amounts = limit === 'tokens' ? `${spent} of ${allowed} tokens` : `$${dollars(spent)} of $${dollars(allowed)}`;
    super(`${agent} has spent ${amounts}`, allowed);
    this.limit = limit;
    this.spent = spent;
  }
}

/** To a millionth, without the digits that only binary numbers have. */
function dollars(amount: number): number {
  return Number(amount.toFixed(6));
}

/** The run took longer than its `timeoutMs`. */
export class RunTimeoutError extends RunLimitError {
  override readonly name = 'RunTimeoutError';
  override readonly limit = 'time';

  constructor(timeoutMs: number) {
    super(`the run took longer than ${timeoutMs} ms`, timeoutMs);
  }
}

/** A run was given something it cannot begin with. The message says of which kind it was, never what it held. */
export class RunInputError extends TypeError {
  override readonly name = 'RunInputError';

  static {
    declareSafeMessage(RunInputError, ({ message }) => message);
  }
}

// --- What keeps a message from an agent

/** A message is for an agent the runtime does not have. */
export class AgentNotFoundError extends ContentFreeError {
  override readonly name = 'AgentNotFoundError';
  readonly #known: string;

  constructor(agent: string | undefined, known: Iterable<string>) {
    const names = `expected one of ${[...known].join(', ')}`;
    super(agent === undefined ? `the message names no agent; ${names}` : `there is no agent ${agent}; ${names}`);
    this.#known = names;
  }

  static {
    // The name came with the message, so it can be anything.
    declareSafeMessage(AgentNotFoundError, (error) => `there is no agent of that name; ${error.#known}`);
  }
}

// --- What ends a transport

/** Nothing can be read from the input of a conversation any more, or written to its output. `cause` says why. */
export class ConversationLostError extends ContentFreeError {
  override readonly name = 'ConversationLostError';

  constructor(what: 'input' | 'output', cause: unknown) {
    const code = property(cause, 'code');
    const why = typeof code === 'string' ? code : errorType(cause);
    const verb = what === 'input' ? 'read' : 'written';
    super(`the conversation ended because its ${what} cannot be ${verb} (${why})`, { cause });
  }
}

// --- What makes a model call fail, besides what providers throw

/** One call of one model took longer than allowed. */
export class ModelTimeoutError extends ContentFreeError {
  override readonly name = 'ModelTimeoutError';

  constructor(timeoutMs: number) {
    super(`the model took longer than ${timeoutMs} ms`);
  }
}

/** The provider answered, but not with an answer. */
export class ModelResponseError extends Error {
  override readonly name = 'ModelResponseError';
  /** `error`: an error report inside the answer; `cut`: it ends too early; `invalid`: it makes no sense. */
  readonly kind: 'error' | 'cut' | 'invalid';
  /** The HTTP status this would have been, had it been known before the answer began. */
  readonly statusCode?: number;

  constructor(
    kind: ModelResponseError['kind'],
    message: string,
    options: { readonly cause?: unknown; readonly statusCode?: number | undefined } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.kind = kind;
    if (options.statusCode !== undefined) this.statusCode = options.statusCode;
  }

  static {
    // What the provider itself has said may quote the prompt.
    declareSafeMessage(ModelResponseError, ({ kind, message, statusCode }) => {
      if (kind !== 'error') return message;
      return `the provider reported an error${statusCode === undefined ? '' : ` (${statusCode})`}`;
    });
  }
}

/** A model that is only known by name could not be loaded: its package or its settings are missing. */
export class ModelUnavailableError extends ContentFreeError {
  override readonly name = 'ModelUnavailableError';
}

// --- What the model is told about its tool calls

/** The model asked for a tool the agent does not have. */
export class ToolNotFoundError extends ContentFreeError {
  override readonly name = 'ToolNotFoundError';
  readonly #tool: string;

  constructor(tool: string, known: Iterable<string>) {
    const names = [...known].join(', ');
    super(`there is no tool ${tool}; ${names === '' ? 'there are none' : `the tools are ${names}`}`);
    this.#tool = tool;
  }

  static {
    declareSafeMessage(ToolNotFoundError, (error) =>
      isToolName(error.#tool) ? error.message : 'there is no tool of that name',
    );
  }
}

/**
 * The model's arguments do not fit the tool. The message names the places only, because it is recorded;
 * `issues` says what is wrong with them, and may quote them.
 */
export class InvalidToolArgumentsError extends ContentFreeError {
  override readonly name = 'InvalidToolArgumentsError';
  readonly issues: readonly string[];

  constructor(tool: string, problem: string, issues: readonly string[] = []) {
    super(`the arguments of ${tool} ${problem}`);
    this.issues = issues;
  }
}

/** The model hands a conversation over that it has handed over in the same turn. */
export class HandoffTakenError extends ContentFreeError {
  override readonly name = 'HandoffTakenError';

  constructor(agent: string) {
    super(`${agent} has the conversation already`);
  }
}

/** A tool took longer than its `timeoutMs`. */
export class ToolTimeoutError extends ContentFreeError {
  override readonly name = 'ToolTimeoutError';

  constructor(tool: string, timeoutMs: number) {
    super(`${tool} took longer than ${timeoutMs} ms`);
  }
}

/** A tool has returned, but JSON cannot write what it returned. */
export class ToolResultError extends ContentFreeError {
  override readonly name = 'ToolResultError';

  constructor(tool: string, problem: string, options?: ErrorOptions) {
    super(`${tool} ${problem}`, options);
  }
}

/** A tool has returned the report of a failure, in the form of MCP: `isError` and what to say about it. */
export class ToolReportedError extends Error {
  override readonly name = 'ToolReportedError';
  readonly #tool: string;

  constructor(tool: string, report: string) {
    super(report === '' ? `${tool} reported an error without a text` : report);
    this.#tool = tool;
  }

  static {
    declareSafeMessage(ToolReportedError, (error) => `${error.#tool} reported an error`);
  }
}

/** A memory store took longer than the agent's patience with it. */
export class MemoryTimeoutError extends ContentFreeError {
  override readonly name = 'MemoryTimeoutError';

  constructor(store: string, timeoutMs: number) {
    super(`the memory ${store} took longer than ${timeoutMs} ms`);
  }
}

/** A memory store found something else than records. The message says of which kind it was, never what it held. */
export class MemoryResultError extends ContentFreeError {
  override readonly name = 'MemoryResultError';

  constructor(store: string, problem: string) {
    super(`the memory ${store} must find a list of records with a text; ${problem}`);
  }
}
