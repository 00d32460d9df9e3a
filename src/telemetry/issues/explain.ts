import {
  explainBroken,
  explainTimeout,
  explainWebPage,
  type Explanation,
  type Server,
} from '../http/explain-connection.ts';
import {
  COPY_THE_DSN,
  isTrouble,
  redirectSentence,
  refusedKeySentence,
  statusSentence,
  unreadableSentence,
} from '../http/explain-status.ts';
import { isWebPage, type Answer, type PostTarget } from '../http/post.ts';
import { kindOfStatus, type StatusKind } from '../http/status-policy.ts';

/** Explains why an Issue was not delivered: names the cause and the fix. */
export function explainAnswer(answer: Answer, { url, timeoutMs, connection }: PostTarget): Explanation {
  const { host } = new URL(url);
  const server = {
    host,
    timeoutMs,
    proxy: connection.proxy,
    endpointSource: 'the DSN',
    certificateVariable: 'NODE_EXTRA_CA_CERTS',
  };
  switch (answer.kind) {
    case 'timeout':
      return explainTimeout(server);
    case 'broken':
      return explainBroken(answer.error, server);
    case 'answered':
      return explainAnswered(answer, url, server);
  }
}

function explainAnswered(answer: Answered, url: string, server: Server): Explanation {
  const { status, headers } = answer;
  const kind = kindOfStatus(status);
  if (kind === 'redirected') {
    const sentence = redirectSentence(status, headers.location, url, 'set the DSN to where the Issues must go');
    return { cause: String(status), sentence };
  }
  if (isWebPage(answer) && !SAID_BY_PAGES.has(kind)) return explainWebPage(server);
  return { cause: isTrouble(status) ? 'unavailable' : String(status), sentence: sentenceOf(status, server) };
}

type Answered = Extract<Answer, { readonly kind: 'answered' }>;

/** What a server in front of Sentry says on pages of its own. On any other one nobody has asked Sentry. */
const SAID_BY_PAGES: ReadonlySet<StatusKind> = new Set(['passing', 'too_large']);

function sentenceOf(status: number, server: Server): string {
  switch (status) {
    case 400:
      return unreadableSentence(status, server);
    case 401:
    case 403:
      return refusedKeySentence(status, server);
    case 404:
      return `${server.host} takes no Issues for this project (404); ${COPY_THE_DSN}`;
    case 413:
      return `${statusSentence(status, server)}; put less into setContext and addBreadcrumb, or raise the limit of the proxy in between`;
    case 429:
      return `${statusSentence(status, server)}; see the quota and the spike protection of the project`;
    default:
      return statusSentence(status, server);
  }
}
