export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** JSON text of what holds values of spans: it has no 64-bit integers and no bytes, and OTLP/JSON writes both as text. */
export function jsonText(value: object): string {
  return JSON.stringify(value, (_key, member: unknown) => {
    if (typeof member === 'bigint') return String(member);
    return member instanceof Uint8Array ? Buffer.from(member).toString('base64') : member;
  });
}
