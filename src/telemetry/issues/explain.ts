import { explainFailure, type Explanation, type FailedDestination } from '../export/explain-failure.ts';
import type { Answer } from './post.ts';

/** Explains why an Issue was not delivered: names the cause and the fix. */
export function explainAnswer(answer: Answer, url: string, timeoutMs: number): Explanation {
  const { host } = new URL(url);
  switch (answer.kind) {
    case 'timeout':
      return { kind: 'timeout', sentence: `${host} did not answer within ${timeoutMs} ms` };
    case 'broken':
      return explainBroken(answer.error, host, destinationAt(url, timeoutMs));
    case 'answered':
      return isWebPage(answer)
        ? { kind: 'web page', sentence: `${host} answered with a web page, as a proxy or login page in between does` }
        : explainStatus(answer.status, host, destinationAt(url, timeoutMs));
  }
}

/** Whether an answer comes from something that is no error server: those answer with JSON or nothing. */
export function isWebPage(answer: Answer): boolean {
  return answer.kind === 'answered' && /^\s*text\/html\b/i.test(answer.headers['content-type'] ?? '');
}

function explainStatus(status: number, host: string, destination: FailedDestination): Explanation {
  const kind = String(status);
  switch (status) {
    case 400:
      return {
        kind,
        sentence: `${host} could not read the request (400); check that the DSN is whole and that no proxy in between changes requests`,
      };
    case 404:
      return {
        kind,
        sentence: `${host} takes no Issues for this project (404); copy the DSN whole from Project Settings > Client Keys`,
      };
    case 413:
      return {
        kind,
        sentence: `${host} found the request too large (413); put less into setContext and addBreadcrumb, or raise the limit of the proxy in between`,
      };
    case 429:
      return {
        kind,
        sentence: `${host} kept limiting the rate (429); see the quota and the spike protection of the project`,
      };
    case 500:
    case 502:
    case 503:
    case 504:
      return { kind: 'unavailable', sentence: `${host} kept answering that it is in trouble (${status})` };
    default:
      return explainFailure(Object.assign(new Error(), { code: status }), destination);
  }
}

function explainBroken(error: Error, host: string, destination: FailedDestination): Explanation {
  const { code } = error as { readonly code?: unknown };
  if (code === 'EPROTO') {
    return {
      kind: code,
      sentence: `${host} does not speak TLS at this port (EPROTO); check whether the DSN must start with http://`,
    };
  }
  return explainFailure(error, destination);
}

/** The project as the spans see it: the causes they share are said in the same words. */
function destinationAt(url: string, timeoutMs: number): FailedDestination {
  return { name: 'sentry', url, timeoutMs };
}
