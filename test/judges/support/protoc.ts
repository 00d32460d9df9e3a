import { spawnSync } from 'node:child_process';

import { fileOfPackage, MOCK_OTLP_SERVER_PACKAGE, systemProgram } from './judge.ts';

const SERVICE = 'opentelemetry/proto/collector/trace/v1/trace_service.proto';
const REQUEST = 'opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest';

/** What Google's compiler made of a message. */
export interface Decoded {
  readonly code: number | null;
  /** The message in protobuf's text format; a field the proto files do not know has a number for a name. */
  readonly text: string;
  readonly stderr: string;
}

/** Decodes a trace request by the official proto files, which come with Elastic's server. */
export function decodeWithProtoc(body: Uint8Array): Decoded {
  const protoFiles = fileOfPackage(MOCK_OTLP_SERVER_PACKAGE, '.');
  const args = ['-I', protoFiles, `--decode=${REQUEST}`, SERVICE];
  const { status, stdout, stderr } = spawnSync(systemProgram('protoc'), args, { input: body, encoding: 'utf8' });
  return { code: status, text: stdout, stderr };
}

/** The lines of the text that hold a field without a name. */
export function unknownFields(text: string): readonly string[] {
  return text.split('\n').filter((line) => /^\s*\d+(:| \{)/.test(line));
}
