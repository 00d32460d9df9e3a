import { guard } from '../guard.ts';
import { field, textField } from './field.ts';

/**
 * The `code` of an error, when it is surely one. Whoever throws an error can put anything there, also what a tool was
 * told: a postcode, a coupon, a booking. So a code in another form than libraries write them needs a second witness.
 */
export function ownCode(error: unknown): string | undefined {
  return guard(() => codeOfSqlite(error)) ?? codeInCapitals(error) ?? guard(() => witnessedCode(error));
}

/** Node calls all errors of SQLite alike, and says beside that with which number SQLite failed: `ERR_SQLITE_ERROR 2067`. */
function codeOfSqlite(error: unknown): string | undefined {
  const [code, number] = [field(error, 'code'), field(error, 'errcode')];
  const isNumber = typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= MAX_SQLITE;
  return code === 'ERR_SQLITE_ERROR' && isNumber ? `${code} ${number}` : undefined;
}

/** No code of SQLite is greater: a byte says what failed, and the one above it how. */
const MAX_SQLITE = 0xffff;

/** The `code` of an error, when it is one of Node, the system or a library, which are words in capitals. */
export function codeInCapitals(error: unknown): string | undefined {
  return guard(() => {
    const code = textField(error, 'code');
    if (code === undefined) return undefined;
    const isCode = IN_WORDS.test(code) || isOfSystem(code) || (isCall(error) && /^E[A-Z\d]{2,20}$/.test(code));
    return isCode ? code : undefined;
  });
}

/** Several words, which have digits only behind what says that it is the code of an error: `ERR_HTTP2_ERROR`. */
const IN_WORDS = /^(?:(?:[A-Z]{2,5}_)?ERR?_[A-Z][A-Z\d_]{1,60}|[A-Z]{2,20}(?:_[A-Z]{1,30}){1,8})$/;

/** Codes of one word that not every system has: of lookups, and of clients for mail and SQL Server. */
const ONE_WORD: ReadonlySet<string> = new Set(
  [
    'EOF EFORMERR ESERVFAIL ENOTFOUND ENODATA ENOTIMP EREFUSED EBADQUERY EBADNAME EBADFAMILY EBADRESP ETIMEOUT',
    'EDESTRUCTION EBADSTR EBADFLAGS ENONAME EBADHINTS ENOTINITIALIZED ECANCELLED',
    'EAUTH ECONNECTION EDNS EENVELOPE EMESSAGE EPROTOCOL ESOCKET ETLS ELOGIN EREQUEST ECANCEL ENOCONN',
  ].flatMap((codes) => codes.split(' ')),
);

function isOfSystem(code: string): boolean {
  return ONE_WORD.has(code) || Object.hasOwn(process.getBuiltinModule('node:os').constants.errno, code);
}

function isCall(error: unknown): boolean {
  return textField(error, 'syscall') !== undefined;
}

/** A code that is one only beside what else an error of its library has. */
function witnessedCode(error: unknown): string | undefined {
  const code = field(error, 'code');
  const name = textField(error, 'name') ?? '';
  if (typeof code === 'string') {
    const isCode =
      (SQL_STATE.test(code) && isOfPostgres(error)) || (/^P\d{4}$/.test(code) && name.startsWith('Prisma'));
    return isCode ? code : undefined;
  }
  if (typeof code !== 'number' || !Number.isInteger(code)) return undefined;
  const isCode =
    (code >= -32_768 && code <= -32_000) ||
    (code >= 0 && code <= 16 && isOfGrpc(error)) ||
    (code >= 0 && code <= MAX_CODE && (name.startsWith('Mongo') || CODE_NAME.test(textField(error, 'codeName') ?? '')));
  return isCode ? String(code) : undefined;
}

const SQL_STATE = /^[A-Z\d]{5}$/;
/** How severe an error is, which Postgres says in the language of the server, and the poolers before it in English. */
const SEVERITY = /^(?:ERROR|FATAL|PANIC)$/;

function isOfPostgres(error: unknown): boolean {
  const severity = textField(error, 'severity') ?? '';
  return SEVERITY.test(severity) || (severity !== '' && textField(error, 'routine') !== undefined);
}

function isOfGrpc(error: unknown): boolean {
  return textField(error, 'details') !== undefined && typeof field(error, 'metadata') === 'object';
}

/** What MongoDB calls a code: `DuplicateKey`. */
const CODE_NAME = /^[A-Z][A-Za-z]{2,60}$/;
/** No code of MongoDB is greater. */
const MAX_CODE = 99_999;
