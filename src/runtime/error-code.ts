import { property } from './fields.ts';

/**
 * Codes of the operating system, of Node, of its HTTP parser and of undici, and OpenSSL's of certificates, by
 * https://nodejs.org/api/tls.html#x509-certificate-error-codes. Any other code may be whatever an application has put there.
 */
const PLATFORM_CODE = new RegExp(
  `^(?:${[
    'E(?:2BIG|AI_[A-Z]{2,20}|[A-Z]{2,15})',
    '(?:ERR|UND_ERR|HPE)_[A-Z\\d_]{2,60}',
    '(?:CERT|CRL|UNABLE_TO|ERROR_IN_(?:CERT|CRL))_[A-Z_]{2,40}',
    'DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|HOSTNAME_MISMATCH',
    'INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|OUT_OF_MEM|MODULE_NOT_FOUND',
  ].join('|')})$`,
);

/** The first code that fits, by default one of a platform, on the error itself or on a cause of it. */
export function codeOf(error: unknown, pattern: RegExp = PLATFORM_CODE): string | undefined {
  let current = error;
  for (let depth = 0; depth < 5 && current !== undefined; depth += 1) {
    const code = property(current, 'code');
    if (typeof code === 'string' && pattern.test(code)) return code;
    current = property(current, 'cause');
  }
  return undefined;
}
