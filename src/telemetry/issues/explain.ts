import {
  explainBroken,
  explainTimeout,
  explainWebPage,
  through,
  type Explanation,
  type Server,
} from '../http/explain-connection.ts';
import { isWebPage, type Answer, type PostTarget } from '../http/post.ts';

/** Explains why an Issue was not delivered: names the cause and the fix. */
export function explainAnswer(answer: Answer, { url, timeoutMs, connection }: PostTarget): Explanation {
  const { host } = new URL(url);
  const server = { host, timeoutMs, proxy: connection.proxy, certificateVariable: 'NODE_EXTRA_CA_CERTS' };
  switch (answer.kind) {
    case 'timeout':
      return explainTimeout(server);
    case 'broken':
      return explainBrokenConnection(answer.error, server);
    case 'answered':
      return isWebPage(answer) ? explainWebPage(server) : explainStatus(answer.status, server);
  }
}

function explainStatus(status: number, { host, proxy }: Server): Explanation {
  const cause = String(status);
  switch (status) {
    case 400:
      return {
        cause,
        sentence: `${host} could not read the request (400); check that the DSN is whole and that no proxy in between changes requests`,
      };
    case 401:
    case 403:
      return {
        cause,
        sentence: `${host} refused the key (${status}); copy the DSN whole from Project Settings > Client Keys`,
      };
    case 404:
      return {
        cause,
        sentence: `${host} takes no Issues for this project (404); copy the DSN whole from Project Settings > Client Keys`,
      };
    case 413:
      return {
        cause,
        sentence: `${host} found the request too large (413); put less into setContext and addBreadcrumb, or raise the limit of the proxy in between`,
      };
    case 429:
      return {
        cause,
        sentence: `${host} kept limiting the rate (429); see the quota and the spike protection of the project`,
      };
    case 500:
    case 502:
    case 503:
    case 504:
      return {
        cause: 'unavailable',
        sentence: `${host} kept answering that it is in trouble (${status})${through(proxy)}`,
      };
    default:
      return { cause, sentence: `${host} answered ${status}${through(proxy)}` };
  }
}

function explainBrokenConnection(error: Error, server: Server): Explanation {
  const { code } = error as { readonly code?: unknown };
  if (code === 'EPROTO') {
    return {
      cause: code,
      sentence: `${server.host} does not speak TLS at this port (EPROTO); check whether the DSN must start with http://`,
    };
  }
  return explainBroken(error, server);
}
