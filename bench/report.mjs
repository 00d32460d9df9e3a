/** @typedef {{ p10: number, median: number, p90: number }} Spread */

/**
 * What a benchmark found out.
 *
 * @typedef {object} Section
 * @property {string} title
 * @property {string} compares What is compared with what, and how.
 * @property {string[]} columns
 * @property {string[][]} rows
 * @property {{ what: string, limit: string, measured: string, met: boolean }[]} targets
 * @property {string[]} notes What a reader needs to know to judge the numbers.
 */

/** A median with the tenth and the ninetieth percentile. */
export function spread({ p10, median, p90 }, digits, unit = '') {
  const [low, middle, high] = [p10, median, p90].map((value) => value.toFixed(digits));
  return `${middle}${unit} [${low} – ${high}]`;
}

/** A section of the document; the terminal gets the same text. */
export function renderSection({ title, compares, columns, rows, targets, notes }) {
  const verdicts = targets.map(({ what, limit, measured, met }) => [
    what,
    limit,
    measured,
    met ? 'met' : '**not met**',
  ]);
  return [
    `## ${title}`,
    compares,
    renderTable(columns, rows),
    ...(verdicts.length === 0 ? [] : [renderTable(['Target', 'Limit', 'Measured', ''], verdicts)]),
    ...notes,
  ].join('\n\n');
}

/** A Markdown table whose columns are also straight in a terminal. */
function renderTable(columns, rows) {
  const widths = columns.map((column, index) => Math.max(column.length, ...rows.map((row) => row[index].length), 3));
  const line = (cells) => `| ${cells.map((cell, index) => cell.padEnd(widths[index])).join(' | ')} |`;
  return [line(columns), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
