import { fields } from '../models/fields.ts';
import { importPackage, type ImportPackage } from '../models/import-package.ts';
import type { SlackApp, SlackTransportOptions } from '../transports/slack.ts';
import type { MutableEnvironment } from './environment.ts';
import { reasonOf } from './reason.ts';
import type { TransportConfig } from './runtime-config.ts';

type SlackConfig = Extract<TransportConfig, { readonly type: 'slack' }>;

/** What a Slack transport needs, or why it cannot be had, as a sentence. */
export type SlackConnection =
  | { readonly status: 'made'; readonly options: SlackTransportOptions }
  | { readonly status: 'failed'; readonly why: string };

/** The parts of `@slack/bolt` that are used. */
interface Bolt {
  readonly App: new (options: object) => SlackApp & { init(): Promise<unknown> };
  readonly SocketModeReceiver: new (options: object) => {
    readonly client: { on(event: 'disconnected', lost: (error?: Error) => void): unknown };
  };
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
  const missing = [botTokenEnv, appTokenEnv].filter((name) => (environment[name] ?? '') === '');
  if (missing.length > 0) return { status: 'failed', why: `Slack needs its tokens: set ${missing.join(' and ')}` };
  try {
    const module = await load(PACKAGE);
    if (module === undefined) {
      return { status: 'failed', why: `Slack needs a package that is not installed: npm install ${PACKAGE}` };
    }
    const bolt = typeof module['App'] === 'function' ? module : fields(module['default']);
    const { App, SocketModeReceiver } = bolt as unknown as Bolt;
    const receiver = new SocketModeReceiver({ appToken: environment[appTokenEnv] });
    const app = new App({ token: environment[botTokenEnv], receiver, deferInitialization: true });
    return {
      status: 'made',
      options: { app: initializedAtStart(app), onStart: (lost) => receiver.client.on('disconnected', lost) },
    };
  } catch (error) {
    return { status: 'failed', why: `Slack cannot be used: ${reasonOf(error)}` };
  }
}

function initializedAtStart(app: InstanceType<Bolt['App']>): SlackApp {
  return {
    event: (name, listener) => app.event(name, listener),
    start: async () => {
      await app.init();
      return app.start();
    },
    stop: () => app.stop(),
  };
}
