// Writes the generated parts of docs/: node scripts/generate-docs.ts. test/unit/docs.test.ts fails when they are out of date.
import { readFileSync, writeFileSync } from 'node:fs'
import { GENERATED_FILES, regenerated } from './docs/blocks.ts'
import { fileText, JSON_SCHEMA_FILES } from './docs/json-schemas.ts'

for (const file of GENERATED_FILES) {
  const path = new URL(`../docs/${file}`, import.meta.url)
  writeFileSync(path, await regenerated(file, readFileSync(path, 'utf8')))
}
for (const [file, schemaOf] of Object.entries(JSON_SCHEMA_FILES)) {
  writeFileSync(new URL(`../docs/reference/${file}`, import.meta.url), fileText(schemaOf()))
}
