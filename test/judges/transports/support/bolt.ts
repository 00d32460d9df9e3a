import type { SlackApp } from '../../../../src/runtime/transports/slack.ts';
import { loadPackage } from './packages.ts';

/** What is used of `@slack/bolt`. */
interface BoltModule {
  readonly App: new (options: BoltOptions) => BoltApp;
  readonly SocketModeReceiver: new (options: object) => object;
  readonly LogLevel: { readonly ERROR: string };
}

interface BoltOptions {
  readonly token: string;
  readonly appToken?: string;
  readonly socketMode?: boolean;
  readonly signingSecret?: string;
  readonly port?: number;
  readonly receiver?: object;
  readonly clientOptions?: object;
  readonly logLevel?: string;
}

interface BoltApp extends SlackApp {
  processEvent(event: {
    readonly body: object;
    readonly ack: () => Promise<void>;
    readonly retryNum?: number;
  }): Promise<void>;
}

/** An app whose Web API is somewhere on this machine. */
export function boltApp(origin: string, options: Partial<BoltOptions>): BoltApp {
  const { App } = boltAt(origin);
  return new App({ token: 'xoxb-test', ...options });
}

/** Bolt, but for where Slack is and that it loses little time before it connects again. */
export function boltAt(origin: string) {
  const { App, SocketModeReceiver, LogLevel } = loadPackage('@slack/bolt') as BoltModule;
  const clientOptions = { slackApiUrl: `${origin}/api/`, retryConfig: { retries: 0 } };
  const logLevel = LogLevel.ERROR;
  return {
    App: class extends App {
      constructor(options: BoltOptions) {
        super({ clientOptions, logLevel, ...options });
      }
    },
    SocketModeReceiver: class extends SocketModeReceiver {
      constructor(options: object) {
        // How long it waits before it connects again, and for an answer to its pings.
        super({ installerOptions: { clientOptions }, clientPingTimeout: 500, logLevel, ...options });
      }
    },
  };
}
