import { declareSafeMessage } from '../../telemetry/content/content-free-error.ts';

/** A place in a configuration file; both count from 1. */
export interface ConfigPosition {
  readonly line: number;
  readonly column: number;
}

/** One thing that is wrong in a configuration file. */
export interface ConfigProblem extends ConfigPosition {
  /** One sentence: what was expected, what came. Never a secret. */
  readonly message: string;
}

/**
 * A configuration file that cannot be used. The message has one line per problem, in the order of the file:
 * `faultline.yaml:7:25: runtime.sentry.sample_rate must be a number from 0 to 1, but is 1.5`.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** The file as it was named. */
  readonly file: string;
  readonly problems: readonly ConfigProblem[];

  constructor(file: string, problems: readonly ConfigProblem[]) {
    // The parser of YAML says some things twice, and so does Zod of an empty list where a text should be.
    const different = new Map(problems.map((problem) => [JSON.stringify(problem), problem]));
    const sorted = [...different.values()].toSorted(
      (left, right) => left.line - right.line || left.column - right.column,
    );
    super(sorted.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`).join('\n'));
    this.file = file;
    this.problems = sorted;
  }

  static {
    // A problem quotes the value that came, which can be a prompt that stands in the wrong place.
    declareSafeMessage(ConfigError, ({ file, problems }) => {
      const places = problems.map(({ line, column }) => `${line}:${column}`);
      return `the configuration file ${file} cannot be used; see ${places.join(', ')}`;
    });
  }
}
