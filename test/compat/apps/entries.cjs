/** Requires every entry point of the package. */
const manifest = require('faultline/package.json');

for (const path of Object.keys(manifest.exports)) {
  const entry = path.replace('.', 'faultline');
  if (entry.endsWith('.json')) continue;
  require(entry);
  console.log(entry);
}
