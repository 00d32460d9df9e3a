/** How spans of libraries are told whose names for content applications have for something else. */
import { SCOPE_NAME } from '../semconv.ts';

/** A library that writes content under names anybody may use. */
export type Writer = 'mastra' | 'openInference' | 'voltAgent';

/** What a span says of who wrote it. */
export interface WrittenSpan {
  readonly name: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly instrumentationScope: { readonly name: string };
  readonly ended: boolean;
}

/** Whether a library is who wrote an attribute, as far as its name and its span tell. */
export function isWrittenBy(writer: Writer, attribute: string, span: WrittenSpan): boolean {
  return WRITERS[writer](attribute, span);
}

const WRITERS: Readonly<Record<Writer, (attribute: string, span: WrittenSpan) => boolean>> = {
  // A span that goes on may still be told to be one of theirs.
  openInference: (_attribute, span) => 'openinference.span.kind' in span.attributes || (!span.ended && !isOurs(span)),
  // It calls the span as it does the method, and writes the name of what has the method where that has one.
  mastra: (attribute, span) =>
    !isOurs(span) &&
    (attribute.startsWith(`${span.name}.`) ||
      'componentName' in span.attributes ||
      span.instrumentationScope.name === 'default-tracer'),
  // The name of its scope can be changed.
  voltAgent: (_attribute, span) =>
    !isOurs(span) && ('entity.type' in span.attributes || span.instrumentationScope.name === '@voltagent/core'),
};

function isOurs({ instrumentationScope }: WrittenSpan): boolean {
  return instrumentationScope.name === SCOPE_NAME;
}
