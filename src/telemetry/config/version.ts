/** The version of this package, sent to Sentry as `sentry_client`; a test holds it equal to `package.json`. */
export const VERSION = '0.1.0';
