import { SpanKind, trace, type SpanContext } from '@opentelemetry/api';

import { active } from '../active.ts';
import { toolArguments, toolResult } from '../attributes/content.ts';
import { toolAttributes } from '../attributes/tool.ts';
import type { FailurePoint } from '../failure-points.ts';
import { guarded } from '../guard.ts';
import { GEN_AI_TOOL_CALL_RESULT_SIZE, GEN_AI_TOOL_NAME } from '../semconv.ts';
import type { ToolResult, ToolSpan, ToolSpanOptions } from './handles.ts';
import { openChild, type ChildSpan } from './open-span.ts';
import { OperationSpan, type Opened, type Surroundings, type TracedOperation } from './operation-span.ts';

class ToolOperation extends OperationSpan implements ToolSpan {
  protected readonly operation = 'tool';
  readonly #tool: ToolSpanOptions;

  constructor(opened: Opened, tool: ToolSpanOptions) {
    super(opened);
    this.#tool = tool;
  }

  protected override beforeStart(): void {
    this.write(toolArguments, this.#tool.arguments);
  }

  protected override content(): () => readonly unknown[] {
    const tool = this.#tool;
    return () => [tool.withhold?.(), tool.arguments?.()];
  }

  protected override issueTags(): Readonly<Record<string, string>> {
    return { tool: this.#tool.name };
  }

  get record(): (result: ToolResult) => void {
    return guarded(({ resultBytes, result }) => {
      this.writeNumber(GEN_AI_TOOL_CALL_RESULT_SIZE, resultBytes);
      if (result === undefined) return;
      this.answer = result;
      this.write(toolResult, result);
    });
  }

  override onResult(value: unknown): void {
    if (this.answer === undefined && value !== undefined) this.write(toolResult, () => value);
  }

  protected override describeError(): { readonly point: FailurePoint } {
    if (this.within !== undefined) this.within.totals.toolErrors += 1;
    return { point: 'tool.execution' };
  }
}

const TOOL_SPAN: ChildSpan<ToolSpanOptions> = {
  operation: 'tool',
  kind: SpanKind.INTERNAL,
  subject: ({ name }) => name,
  safeSubject: GEN_AI_TOOL_NAME,
  attributes: toolAttributes,
};

/** @internal */
export const TOOL: TracedOperation<ToolSpanOptions, ToolOperation> = {
  open: (options, surroundings) => openChild(TOOL_SPAN, options, surroundings, askingChat(surroundings)),
  handle: (opened, options) => new ToolOperation(opened, options),
};

/**
 * The model call a tool belongs to. Only for a tool called directly inside the agent: one called below some
 * other span, a sub-agent's or the application's own, stays there.
 */
function askingChat({ context, frame }: Surroundings): SpanContext | undefined {
  const agent = frame?.agent;
  if (agent === undefined || active().toolSpanParent === 'agent') return undefined;
  return trace.getSpan(context) === agent.span ? agent.lastChat : undefined;
}
