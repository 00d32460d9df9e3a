import { through, type Server } from './explain-connection.ts';

/** What helps against a DSN that is not whole. */
export const COPY_THE_DSN = 'copy the DSN whole from Project Settings > Client Keys';

/** Says what a status other than 2xx means, as far as it does so whatever was sent. */
export function statusSentence(status: number, { host, proxy }: Server): string {
  if (isTrouble(status)) return `${host} kept answering that it is in trouble (${status})${through(proxy)}`;
  switch (status) {
    case 400:
      return `${host} could not read the request (400)`;
    case 413:
      return `${host} found the request too large (413)`;
    case 429:
      return `${host} kept limiting the rate (429)`;
    default:
      return `${host} answered ${status}${through(proxy)}`;
  }
}

/**
 * Says that the endpoint is elsewhere. Of its URL the query is left out, which may hold a key.
 *
 * @param fix what to do about it
 */
export function redirectSentence(status: number, location: string | undefined, url: string, fix: string): string {
  const target = location !== undefined && URL.canParse(location, url) ? new URL(location, url) : undefined;
  const where = target === undefined ? '' : ` to ${target.origin}${target.pathname}`;
  return `${new URL(url).host} redirects${where} (${status}); ${fix}`;
}

/** Says that Sentry does not know the key. */
export function refusedKeySentence(status: number, { host }: Server): string {
  return `${host} refused the key (${status}); ${COPY_THE_DSN}`;
}

/** Says that Sentry could not read what came: it answers so to a key that is cut off, too. */
export function unreadableSentence(status: number, server: Server): string {
  return `${statusSentence(status, server)}; check that the DSN is whole and that no proxy in between changes requests`;
}

/** Whether a server, or what stands before it, says that it is in trouble. */
export function isTrouble(status: number): boolean {
  return status === 500 || (status >= 502 && status <= 504);
}
