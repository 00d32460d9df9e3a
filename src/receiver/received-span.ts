/** A value an OTLP attribute can hold; `null` stands for an empty AnyValue, `bigint` for an int64 beyond 2^53. */
export type AttributeValue =
  | string
  | boolean
  | number
  | bigint
  | Uint8Array
  | readonly AttributeValue[]
  | { readonly [key: string]: AttributeValue }
  | null;

/** Attributes by name. */
export type ReceivedAttributes = Readonly<Record<string, AttributeValue>>;

/** One span as it came over the wire, ids in lower-case hex and times in nanoseconds. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Absent on a root span. */
  readonly parentSpanId?: string;
  readonly name: string;
  /** OTLP numbers: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  readonly startTimeUnixNano: bigint;
  readonly endTimeUnixNano: bigint;
  readonly attributes: ReceivedAttributes;
  /** OTLP numbers: 0 unset, 1 ok, 2 error. */
  readonly status: { readonly code: number; readonly message?: string };
  readonly events: readonly ReceivedEvent[];
  readonly links: readonly ReceivedLink[];
  /** Bits 0-7 are the W3C trace flags, bit 8 says that bit 9 is meant, bit 9 that the parent is remote. */
  readonly flags: number;
  readonly resource: ReceivedAttributes;
  readonly scope: { readonly name: string; readonly version: string };
}

/** An event of a received span. */
export interface ReceivedEvent {
  readonly name: string;
  readonly timeUnixNano: bigint;
  readonly attributes: ReceivedAttributes;
}

/** A link of a received span to another one. */
export interface ReceivedLink {
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: ReceivedAttributes;
}

/** The number of status ERROR in {@link ReceivedSpan.status}. */
export const STATUS_CODE_ERROR = 2;
