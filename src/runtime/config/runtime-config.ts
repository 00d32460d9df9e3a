import type { TracingOptions } from '../../telemetry/config/options.ts';
import type { Providers } from '../models/resolve.ts';
import type { OnCrash } from '../supervise.ts';
import type { AgentOptions, CallSettings, RunLimits } from '../types.ts';
import type { ConfigPosition } from './config-error.ts';

/** A configuration file, valid and complete: every default is in place, every path absolute. Frozen. */
export interface RuntimeConfig {
  /** The file as it was named. */
  readonly file: string;
  /** For `setupTracing({ defaults })`: what the environment says wins over it. */
  readonly tracing: NonNullable<TracingOptions['defaults']>;
  readonly runtime: { readonly onCrash: OnCrash; readonly maxActive: number };
  /** Longest a process that serves the agents takes to stop, telemetry included. */
  readonly shutdownTimeoutMs: number;
  readonly http: HttpConfig;
  readonly providers: Providers;
  /** In the order of the file. */
  readonly agents: readonly AgentConfig[];
}

/** How `faultline serve` listens. */
export interface HttpConfig {
  readonly host: string;
  readonly port: number;
  /** The variable that holds the bearer token callers must send. Absent: none is asked for. */
  readonly token?: { readonly env: string; readonly position: ConfigPosition };
  /** Empty: at the root. */
  readonly basePath: string;
  /** Further names of a server on a loopback address. */
  readonly allowedHosts: readonly string[];
  readonly corsOrigins: readonly string[];
  /** Whether questions can be asked with GET, as the `EventSource` of browsers does. */
  readonly eventSource: boolean;
  readonly maxBodyBytes: number;
  readonly bodyTimeoutMs: number;
  readonly heartbeatMs: number;
}

/** An agent of the file. What the file leaves to `createAgent` is absent. */
export interface AgentConfig extends RunLimits, Pick<AgentOptions, Passed> {
  readonly name: string;
  readonly description?: string;
  readonly instructions?: string;
  readonly models: readonly ModelConfig[];
  readonly settings: CallSettings;
  readonly tools: readonly ToolConfig[];
  /** Agents it may ask, by name. */
  readonly agents: readonly string[];
  /** Agents it may hand conversations over to, by name. */
  readonly handoffs: readonly string[];
  readonly memory?: MemoryConfig;
  readonly transport: TransportConfig;
  /** Where its name stands in the file. */
  readonly position: ConfigPosition;
}

type Passed = 'captureContent' | 'maxRetries' | 'modelTimeoutMs';

/** A model in the chain of an agent of the file. */
export interface ModelConfig {
  /** `provider/model` */
  readonly ref: string;
  readonly maxRetries?: number;
  readonly timeoutMs?: number;
  readonly settings?: CallSettings;
  readonly position: ConfigPosition;
}

/** Tools of a module the file names. */
export interface ToolConfig {
  /** As it is written in the file. */
  readonly written: string;
  readonly module: string;
  /** The export that is meant. Absent: all of them. */
  readonly name?: string;
  readonly position: ConfigPosition;
}

/** The memory of an agent of the file. */
export interface MemoryConfig {
  /** The SQLite file. Absent: in the process. */
  readonly sqlite?: string;
  readonly limit?: number;
  readonly timeoutMs?: number;
  /** Whose records a run may find. Absent: everybody's. */
  readonly scope?: 'agent' | 'conversation' | 'user';
  /** Whether the model gets tools for it. */
  readonly tools: boolean;
  readonly position: ConfigPosition;
}

/** How an agent of the file is reached. */
export type TransportConfig =
  | { readonly type: 'cli' }
  | { readonly type: 'http' }
  | {
      readonly type: 'slack';
      readonly botTokenEnv: string;
      readonly appTokenEnv: string;
      readonly position: ConfigPosition;
    };
