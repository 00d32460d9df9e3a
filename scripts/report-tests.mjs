/** Adds up vitest's JSON reports and ends with the one line continuous integration counts. */
import { readFileSync } from 'node:fs';

const reports = process.argv.slice(2).map((file) => JSON.parse(readFileSync(file, 'utf8')));
const sum = (count) => reports.reduce((total, report) => total + report[count], 0);
console.log(`${sum('numPassedTests')} passed, ${sum('numFailedTests')} failed`);
