import type { SpanContext } from '@opentelemetry/api';

import { withRunContext } from '../telemetry/context.ts';
import { defined } from './defined.ts';
import { inProcessHistory } from './memory/history.ts';
import { openScope, type AbortScope } from './signals.ts';
import { superviseTransportWith, type OnCrash } from './supervise.ts';
import { systemTime, type Time } from './time.ts';
import type { Agent, ConversationHistory, IncomingMessage, RunResult, Transport } from './types.ts';
import { requireCount } from './validate.ts';

export interface RuntimeOptions {
  readonly agents: readonly Agent[];
  /** Which agent answers what comes in over which transport. */
  readonly transports: readonly { readonly transport: Transport; readonly agent: string }[];
  /** Default: `stop`. */
  readonly onCrash?: OnCrash;
  /** Most messages worked on at the same time. Whoever writes then is asked to come back. Default: 256. */
  readonly maxActive?: number;
  /** Default: kept in the process, bounded. */
  readonly history?: ConversationHistory;
}

/** Agents at work behind transports. */
export interface Runtime {
  /**
   * Works until it is stopped or every transport is done. Rejects with what a transport crashed with, once
   * everything else has stopped, unless `onCrash` is `restart`.
   */
  start(): Promise<void>;
  /** Aborts every run and stops every transport. */
  stop(reason?: unknown): Promise<void>;
  /**
   * Answers one message. Never rejects for what goes wrong in the conversation: the person is told that
   * something did, and by which id it can be found.
   */
  handle(agent: string, message: IncomingMessage): Promise<void>;
}

/** Creates a runtime. Throws when an option is wrong. */
export function createRuntime(options: RuntimeOptions): Runtime {
  return createRuntimeWith(systemTime, options);
}

/** A message being answered. */
interface Conversation {
  readonly message: IncomingMessage;
  readonly scope: AbortScope;
  /** Known once its run has started, when tracing is on. */
  spanContext?: SpanContext;
  /** What the person can be told to find the run by. */
  reference?: string;
}

/** `createRuntime` with a say in how time passes. */
export function createRuntimeWith(time: Time, options: RuntimeOptions): Runtime {
  const { transports, onCrash = 'stop', maxActive = 256, history = inProcessHistory() } = options;
  requireCount('maxActive', maxActive, 1);
  const agents = agentsByName(options.agents);
  for (const { agent } of transports) requireAgent(agents, agent);

  const life = openScope(undefined, time);
  const active = new Map<Conversation, Promise<void>>();
  /** The last message of each conversation that is being answered: the next one waits for it. */
  const tails = new Map<string, Promise<void>>();
  let working: Promise<void> | undefined;

  const handle = async (agentName: string, message: IncomingMessage): Promise<void> => {
    const agent = requireAgent(agents, agentName);
    if (life.signal.aborted) return;
    if (active.size >= maxActive) return say(message, BUSY);
    const conversation: Conversation = { message, scope: openScope(message.signal, time) };
    const key = JSON.stringify([agentName, message.transport, message.conversationId]);
    const answered = (tails.get(key) ?? Promise.resolve()).then(() => converse(agent, conversation, history));
    tails.set(key, answered);
    active.set(conversation, answered);
    try {
      await answered;
    } finally {
      active.delete(conversation);
      conversation.scope.close();
      if (tails.get(key) === answered) tails.delete(key);
    }
  };

  const work = async (): Promise<void> => {
    const ends = await Promise.allSettled(
      transports.map(async ({ transport, agent }) => {
        try {
          await superviseTransportWith(time, transport, {
            receive: (message) => handle(agent, message),
            signal: life.signal,
            onCrash,
            runsInFlight: () => runsOf(transport.name),
          });
        } catch (error) {
          abortAll(error);
          throw error;
        }
      }),
    );
    await Promise.all(active.values());
    const crash = ends.find((end) => end.status === 'rejected');
    if (crash !== undefined) throw crash.reason;
  };

  const runsOf = (transport: string): readonly SpanContext[] =>
    [...active.keys()].flatMap((run) => (run.message.transport === transport ? (run.spanContext ?? []) : []));

  const abortAll = (reason: unknown): void => {
    life.abort(reason);
    for (const { scope } of active.keys()) scope.abort(reason);
  };

  return {
    handle,
    start: async () => {
      if (working !== undefined) throw new Error('a runtime is started once');
      working = work();
      await working;
    },
    stop: async (reason = new DOMException('the runtime was stopped', 'AbortError')) => {
      abortAll(reason);
      // What it ended with is for whoever called start.
      await working?.catch(() => {});
      await Promise.all(active.values());
    },
  };
}

const BUSY = 'I am busy right now. Please try again in a moment.';
const NO_ANSWER = 'I have no answer to that.';

/** A failure in the words of a person who did not cause it. Error texts can hold anything, so none is shown. */
function apology(reference: string | undefined): string {
  const hint = reference === undefined ? '' : ` If you report it, please mention ${reference}.`;
  return `Something went wrong and I could not answer.${hint}`;
}

/**
 * Answers one message inside one run, from loading the history to sending the answer, so that whatever
 * fails on the way is a failure of that run.
 */
async function converse(agent: Agent, conversation: Conversation, history: ConversationHistory): Promise<void> {
  const { message, scope } = conversation;
  const { text, conversationId, userId, transport, onEvent } = message;
  const deliver = async (result: RunResult): Promise<void> => {
    await history.save(conversationId, result.messages);
    await message.reply(result.text === '' ? NO_ANSWER : result.text);
  };
  try {
    await withRunContext({ transport }, () =>
      agent.run(text, {
        ...defined({ user: userId === undefined ? undefined : { id: userId } }),
        conversationId,
        signal: scope.signal,
        history: () => history.load(conversationId),
        stream: onEvent !== undefined,
        onEvent: (event) => {
          if (event.type === 'run.start') {
            Object.assign(conversation, defined({ spanContext: event.spanContext }));
            conversation.reference = event.spanContext?.traceId ?? event.runId;
          }
          return onEvent?.(event);
        },
        deliver,
      }),
    );
  } catch {
    // It is recorded on the run's span. Nobody waits for the answer of a run that was aborted.
    if (!scope.signal.aborted) await say(message, apology(conversation.reference));
  }
}

/** Says something that is not an answer. When not even that gets through there is nobody left to tell. */
async function say(message: IncomingMessage, text: string): Promise<void> {
  try {
    await message.reply(text);
  } catch {
    return;
  }
}

function agentsByName(agents: readonly Agent[]): ReadonlyMap<string, Agent> {
  const byName = new Map<string, Agent>();
  for (const agent of agents) {
    if (byName.has(agent.name)) throw new TypeError(`two agents are called ${agent.name}`);
    byName.set(agent.name, agent);
  }
  return byName;
}

function requireAgent(agents: ReadonlyMap<string, Agent>, name: string): Agent {
  const agent = agents.get(name);
  if (agent !== undefined) return agent;
  throw new TypeError(`there is no agent ${name}; expected one of ${[...agents.keys()].join(', ')}`);
}
