import { fields } from '../fields.ts';
import { importPackage, type ImportPackage } from '../import-package.ts';
import { reasonOf } from '../reason.ts';
import type { SlackApp, SlackTransportOptions } from '../transports/slack.ts';
import type { MutableEnvironment } from './environment.ts';
import type { TransportConfig } from './runtime-config.ts';

type SlackConfig = Extract<TransportConfig, { readonly type: 'slack' }>;

/** What a Slack transport needs, or why it cannot be had, as a sentence. */
export type SlackConnection =
  | { readonly status: 'made'; readonly options: SlackTransportOptions }
  | { readonly status: 'failed'; readonly why: string };

/** The parts of `@slack/bolt` that are used. */
interface Bolt {
  readonly App: new (options: object) => SlackApp & { init(): Promise<unknown> };
  readonly SocketModeReceiver: new (options: object) => { readonly client: SocketModeClient };
}

interface SocketModeClient {
  on(event: 'disconnected', lost: (error?: Error) => void): unknown;
  start(): Promise<unknown>;
}

const PACKAGE = '@slack/bolt';

/**
 * Prepares the app of `transport: { slack }`, in socket mode, which needs no address others can reach. Slack is
 * not asked before the transport starts.
 */
export async function connectSlack(
  { botTokenEnv, appTokenEnv }: SlackConfig,
  environment: MutableEnvironment,
  load: ImportPackage = importPackage,
): Promise<SlackConnection> {
  const tokenIn = (name: string): string => environment[name]?.trim() ?? '';
  const missing = [botTokenEnv, appTokenEnv].filter((name) => tokenIn(name) === '');
  if (missing.length > 0) return { status: 'failed', why: `Slack needs its tokens: set ${missing.join(' and ')}` };
  try {
    const module = await load(PACKAGE);
    if (module === undefined) {
      return { status: 'failed', why: `Slack needs a package that is not installed: npm install ${PACKAGE}` };
    }
    const bolt = typeof module['App'] === 'function' ? module : fields(module['default']);
    const { App, SocketModeReceiver } = bolt as unknown as Bolt;
    const receiver = new SocketModeReceiver({ appToken: tokenIn(appTokenEnv) });
    const app = new App({ token: tokenIn(botTokenEnv), receiver, deferInitialization: true });
    return { status: 'made', options: superviseConnection(app, receiver.client) };
  } catch (error) {
    return { status: 'failed', why: `Slack cannot be used: ${reasonOf(error)}` };
  }
}

/**
 * Hands the loss of the connection to whoever started the app last. Slack ends connections every few hours and Bolt
 * makes new ones by itself, but nobody has the rejection when Slack refuses that, which would end the process.
 */
function superviseConnection(app: InstanceType<Bolt['App']>, client: SocketModeClient): SlackTransportOptions {
  let isStarting = false;
  let onLost: ((error?: Error) => void) | undefined;
  client.on('disconnected', (error) => onLost?.(error));
  const connect = client.start.bind(client);
  client.start = async () => {
    try {
      return await connect();
    } catch (error) {
      if (isStarting) throw error;
      onLost?.(error instanceof Error ? error : new Error('Slack refused to renew the connection', { cause: error }));
      return undefined;
    }
  };
  return {
    onStart: (lost) => {
      onLost = lost;
    },
    app: {
      event: (name, listener) => app.event(name, listener),
      start: async () => {
        isStarting = true;
        try {
          await app.init();
          return await app.start();
        } finally {
          isStarting = false;
        }
      },
      stop: () => app.stop(),
    },
  };
}
