import type { SlackApp } from '../../../../src/runtime/transports/slack.ts';
import { loadPackage } from './packages.ts';

/** What is used of `@slack/bolt`. */
interface BoltModule {
  readonly App: new (options: BoltOptions) => BoltApp;
  readonly LogLevel: { readonly ERROR: string };
}

interface BoltOptions {
  readonly token: string;
  readonly appToken?: string;
  readonly socketMode?: boolean;
  readonly signingSecret?: string;
  readonly port?: number;
  readonly receiver?: object;
  readonly clientOptions: object;
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
  const { App, LogLevel } = loadPackage('@slack/bolt') as BoltModule;
  const clientOptions = { slackApiUrl: `${origin}/api/`, retryConfig: { retries: 0 } };
  return new App({ token: 'xoxb-test', clientOptions, logLevel: LogLevel.ERROR, ...options });
}
