import { execFileSync } from 'node:child_process';

/** Builds dist/ once per run, because tests of the command line and of `register` run the built files. */
export default function build(): void {
  execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });
}
