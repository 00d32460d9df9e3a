/** Imports every entry point of the package. */
import manifest from 'faultline/package.json' with { type: 'json' };

for (const path of Object.keys(manifest.exports)) {
  const entry = path.replace('.', 'faultline');
  if (entry.endsWith('.json')) continue;
  await import(entry);
  console.log(entry);
}
