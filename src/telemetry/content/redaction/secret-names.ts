import { charCodeAt } from '../char-code-at.ts';
import { remembering } from '../remembering.ts';

/** What a value is, going by the name it has. */
export type SecretKind =
  | 'password'
  | 'secret'
  | 'api_key'
  | 'private_key'
  | 'token'
  | 'credentials'
  | 'basic_credentials'
  | 'authorization'
  | 'cookie'
  | 'card_code'
  | 'signature'
  | 'connection'
  | 'pin'
  | 'one_time_code'
  | 'national_id'
  | 'iban'
  | 'recovery_phrase';

/** Longest name that is looked at, in UTF-16 units. */
export const MAX_NAME = 128;

/** The last three letters names of secrets have. */
const ENDINGS =
  'key eys ken ens ret ets ord rds swd pwd ass ase ode jwt rer uth ort nha ion kie ies ial als cvv cvc sig ure ash lue mac ' +
  'dsn ing pin otp ssn ban nic pat sid nid ena eña sse des ses wds rts has nas ñas';

let endings: Uint8Array | undefined;

/**
 * Whether a word can be the name of a secret, going by its last three letters. Nearly every name of a JSON text is
 * done with here, so that no word is cut out for it.
 */
export function endsLikeSecret(text: string, start: number, end: number): boolean {
  endings ??= markEndings();
  return end - start <= MAX_NAME && endings[endingBefore(text, start, end)] === 1;
}

function markEndings(): Uint8Array {
  const marks = new Uint8Array(2 ** 15);
  for (const ending of ENDINGS.split(' ')) marks[endingBefore(ending, 0, 3)] = 1;
  return marks;
}

/** Three letters as one number below 2^15, in any case; digits behind them do not count. */
function endingBefore(text: string, start: number, end: number): number {
  let last = end - 1;
  while (last > start && isDigitOrJoiner(charCodeAt(text, last))) last -= 1;
  if (last - start < 2) return 0;
  return (
    ((charCodeAt(text, last - 2) & 31) << 10) | ((charCodeAt(text, last - 1) & 31) << 5) | (charCodeAt(text, last) & 31)
  );
}

const PASSWORD =
  /(?:password|passwd|passphrase|passcode|pwd|passwort|kennwort|wachtwoord|senha|motdepasse|contrasena|contrasea|tosecurestring)s?(?:hash|value|confirmation)?$/;
const SHORT_PASSWORD = /(?:^|[^a-z])pass$|[a-z]Pass$/;
const SECRET = /(?:secrets?(?:value|hash)?|secretkeybase)$/;
const PRIVATE_KEY = /(?:private(?:ssh|rsa|pem|signing)?|priv)keys?$/;
const API_KEY = new RegExp(
  [
    '(?:api|access|secret|account|shared|encryption|signing|master|service|servicerole|subscription|app|application',
    'consumer|auth|deploy|ssh|admin|hmac|aes|function|functions|license|webhook|ingest|ingestion|write',
    'openai|anthropic|claude|gemini|google|vertex|azure|mistral|cohere|groq|xai|perplexity|fireworks|together|deepseek',
    'openrouter|huggingface|replicate|voyage|jina|tavily|serper|exa|fal|pinecone|qdrant|weaviate|elevenlabs|deepgram',
    'stripe|twilio|sendgrid|mailgun|datadog|newrelic|sentry|langfuse|langsmith|langchain|heroku|cloudflare|aws|gcp)',
  ].join('|') + 'keys?(?:value|hash)?$',
);
const TOKEN = /(?:tokens?(?:value|hash)?|jwt|bearer)$/;
/** Tokens of language models, of parsers and of pages of a list. Many tokens are nearly always counted ones. */
const OTHER_TOKEN = new RegExp(
  [
    '(?:next|page|paging|pagination|cursor|continuation|sync|max|min|eos|bos|pad|unk|sep|cls|mask|stop|special|first|last|per',
    'prompt|completion|input|output|cached?|cancell?ation|cancel|start|end|sub|image|audio|video|reasoning|unexpected',
    'syntax|lexer|current|previous|prev|total|new|is|has|num|count|by|to|time|cost|price|usd|each|any|this|design|nft',
    'soft|hard|word|text|byte|char|single|thinking|draft|accepted|rejected|generated|context|begin|of|the|a)token$',
  ].join('|'),
);
const MANY_SECRET_TOKENS = /(?:access|refresh|auth|api|bearer|session)tokens(?:value|hash)?$/;
const CREDENTIALS = /credentials?$|(?:^|[^a-z])_auth$|^(?:basic|rediscli)auth$/;
/** Sessions in cookies and URLs, and the personal access tokens of repositories. */
const SESSION_OR_ACCESS =
  /^(?:phpsessid|jsessionid|aspnetsessionid|connectsid|(?:gh|github|gitlab|azure|azuredevops|ado|snowflake)pat)$/;
const AUTHORIZATION = /authorization$/;
const COOKIE = /cookies?$/;
const CARD_CODE = /^(?:card)?(?:cvv|cvc|cvvcode|cvccode|securitycode)$/;
const CONNECTION = /(?:connectionstring|^dsn|databasedsn|dbdsn)$/;
const PIN = /^(?:card|atm|sim|unlock|login|user)?pin$/;
const ONE_TIME_CODE = /(?:otp|otpcode|(?:mfa|twofactor|verification|recovery|backup|sms)codes?)$/;
const NATIONAL_ID = /^(?:user|customer|patient|employee)?ssn$/;
const IBAN = /iban$/;
const RECOVERY_PHRASE = /(?:mnemonic|(?:seed|recovery|mnemonic|wallet)phrase)$/;
/** Names of parameters of a URL that are something else anywhere else. */
const IN_QUERY = /^(?:key|sig|signature|xamzsignature|xgoogsignature|xamzcredential|xgoogcredential|auth|hmac)$/;
/** A question, not a value: `isSecret`, `has_password`. */
const QUESTION = /^(?:is|has|no|show|hide|need|needs|require|requires|allow)(?=[A-Z_-])/;

/** A JSON text has few names, has them often, and mostly the same one twice. */
const knownKindOf = remembering(judgeName);
const knownKindInQuery = remembering(judgeParameter);

/** The kind of secret a name announces, in any spelling: `apiKey`, `X-Api-Key`, `OPENAI_API_KEY_2`. */
export function secretKindOf(name: string): SecretKind | undefined {
  return endsLikeSecret(name, 0, name.length) ? knownKindOf(name) : undefined;
}

function judgeName(name: string): SecretKind | undefined {
  const plain = plainName(name);
  if (QUESTION.test(name)) return undefined;
  if (PASSWORD.test(plain) || SHORT_PASSWORD.test(withoutDigits(name))) return 'password';
  if (PRIVATE_KEY.test(plain)) return 'private_key';
  if (SECRET.test(plain)) return 'secret';
  if (API_KEY.test(plain)) return 'api_key';
  if (TOKEN.test(plain)) return isSecretToken(plain) ? 'token' : undefined;
  if (AUTHORIZATION.test(plain)) return 'authorization';
  if (COOKIE.test(plain)) return 'cookie';
  if (CREDENTIALS.test(plain) || CREDENTIALS.test(name)) return 'credentials';
  return CARD_CODE.test(plain) ? 'card_code' : judgeFormName(plain);
}

/** Names whose values are secrets only where they have the form of one. */
function judgeFormName(plain: string): SecretKind | undefined {
  if (plain === 'auth') return 'basic_credentials';
  if (SESSION_OR_ACCESS.test(plain)) return 'token';
  if (CONNECTION.test(plain)) return 'connection';
  if (PIN.test(plain)) return 'pin';
  if (ONE_TIME_CODE.test(plain)) return 'one_time_code';
  if (NATIONAL_ID.test(plain)) return 'national_id';
  if (IBAN.test(plain)) return 'iban';
  return RECOVERY_PHRASE.test(plain) ? 'recovery_phrase' : undefined;
}

/** The same for the name of a parameter in the query of a URL. */
export function secretKindInQuery(name: string): SecretKind | undefined {
  const kind = secretKindOf(name);
  return kind !== undefined || name.length > MAX_NAME ? kind : knownKindInQuery(name);
}

function judgeParameter(name: string): SecretKind | undefined {
  const plain = plainName(name);
  if (!IN_QUERY.test(plain)) return undefined;
  return plain === 'key' || plain === 'auth' ? 'api_key' : 'signature';
}

function isSecretToken(plain: string): boolean {
  if (/tokens(?:value|hash)?$/.test(plain)) return MANY_SECRET_TOKENS.test(plain);
  return !OTHER_TOKEN.test(plain);
}

/** `OPENAI_API_KEY_2` is named like `OPENAI_API_KEY`. */
function withoutDigits(name: string): string {
  let end = name.length;
  while (end > 0 && isDigitOrJoiner(charCodeAt(name, end - 1))) end -= 1;
  return end === name.length ? name : name.slice(0, end);
}

function isDigitOrJoiner(code: number): boolean {
  return (code >= 48 && code <= 57) || code === 95 || code === 45;
}

function plainName(name: string): string {
  return withoutDigits(name)
    .toLowerCase()
    .replaceAll(/[^a-z]/g, '');
}
