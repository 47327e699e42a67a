import importSort from 'eslint-plugin-simple-import-sort'
import tseslint from 'typescript-eslint'
import { arrows } from './scripts/import-arrows.ts'

const folders = Object.keys(arrows)

export default tseslint.config(
  { ignores: ['dist/**', 'build/**', 'build-asan/**', 'node_modules/**', 'src/dataplane/generated/**'] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['eslint.config.js'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    plugins: { 'simple-import-sort': importSort },
    rules: {
      // Node's own modules, packages, then files of ours from the farthest folder to the nearest.
      'simple-import-sort/imports': ['error', { groups: [['^node:', '^[a-z@]', '^\\.\\.(?!/?$)', '^\\.']] }],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
    },
  },
  ...folders.map((folder) => ({
    files: [`src/${folder}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: folders
            .filter((other) => other !== folder && !arrows[folder].includes(other))
            .map((other) => ({
              group: [`**/${other}/**`],
              message: `${folder} does not import ${other} (docs/architecture.md)`,
            })),
        },
      ],
    },
  })),
  {
    files: ['test/**/*.ts'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off', '@typescript-eslint/require-await': 'off' },
  },
)
