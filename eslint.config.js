import tseslint from 'typescript-eslint'

// The one direction of imports (docs/architecture.md): each folder may import itself and what is listed.
/** @type {Record<string, string[]>} */
const allowed = {
  net: ['errors'],
  errors: [],
  document: ['errors'],
  time: [],
  log: ['time', 'errors'],
  api: ['net', 'errors'],
  allocation: ['net', 'api', 'errors'],
  problems: ['api', 'log', 'time', 'errors'],
  store: ['api', 'document', 'native', 'problems', 'log', 'time', 'errors'],
  controllers: ['net', 'api', 'store', 'allocation', 'problems', 'log', 'time', 'errors'],
  native: ['errors'],
  dataplane: ['net', 'native', 'errors'],
  config: ['net', 'api', 'document', 'problems', 'errors'],
  agent: ['net', 'api', 'store', 'allocation', 'native', 'dataplane', 'config', 'problems', 'log', 'time', 'errors'],
  cli: [
    'net',
    'api',
    'store',
    'allocation',
    'controllers',
    'native',
    'dataplane',
    'config',
    'agent',
    'log',
    'time',
    'problems',
    'errors',
  ],
}
const folders = Object.keys(allowed)

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
    rules: {
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
            .filter((other) => other !== folder && !allowed[folder].includes(other))
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
