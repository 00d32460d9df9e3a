import * as http from 'node:http';
import * as https from 'node:https';
import type { Socket } from 'node:net';

import type { Tls } from '../config/destinations.ts';

/** The connections to one destination, which can be given up all at once. */
export interface ClosableAgent {
  /** The agent for a protocol such as `https:`, as the OTLP exporter asks for it. */
  agentFor(protocol: string): http.Agent;
  /** Breaks off every request, and refuses further ones without a retry. */
  abort(): void;
}

/**
 * Why a request was broken off. It has no `code`: the OTLP exporter retries network errors by their code,
 * and a retry would keep the process alive after its deadline.
 */
export class DeadlinePassedError extends Error {
  override readonly name = 'DeadlinePassedError';

  constructor() {
    super('the time to send spans is over');
  }
}

/** Creates the connections of one destination: kept alive between requests, closed when nothing is sent. */
export function createClosableAgent(tls: Tls = {}): ClosableAgent {
  const agents: http.Agent[] = [];
  let aborted = false;

  const guard = <T extends http.Agent>(agent: T): T => {
    const connect = agent.createConnection.bind(agent);
    agent.createConnection = (options, callback) => {
      if (!aborted) return connect(options, callback);
      throw new DeadlinePassedError();
    };
    agents.push(agent);
    return agent;
  };

  return {
    agentFor: (protocol) =>
      guard(protocol === 'http:' ? new http.Agent({ keepAlive: true }) : new https.Agent({ keepAlive: true, ...tls })),
    abort() {
      aborted = true;
      for (const agent of agents) {
        for (const socket of socketsOf(agent)) socket.destroy(new DeadlinePassedError());
        agent.destroy();
      }
    },
  };
}

function socketsOf(agent: http.Agent): Socket[] {
  return Object.values(agent.sockets).flatMap((sockets) => sockets ?? []);
}
