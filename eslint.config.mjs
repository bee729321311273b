// Lint with type information, zero warnings; and the house's one-way data flow as a rule.
import js from '@eslint/js';
import ts from 'typescript-eslint';

// A room may import from itself and from the rooms before it in this list, never from one after it.
const rooms = ['protocol', 'linalg', 'weights', 'network', 'tensorflow', 'symmetry', 'curvature', 'posterior', 'analyses', 'host', 'cli', 'api', 'extension'];
// These stand at the end of a process border and see less than their place in the list would allow.
const only = { cli: ['analyses', 'protocol'], host: ['analyses', 'protocol'], api: ['analyses', 'protocol'], extension: ['protocol'] };

const forbidden = (room) =>
  rooms.filter((other) => other !== room && !(only[room] ?? rooms.slice(0, rooms.indexOf(room))).includes(other));

export default ts.config(
  // The kernels are AssemblyScript, which its own compiler checks.
  { ignores: ['src/*/kernels/', 'dist/', 'out/', 'node_modules/', '.vscode-server/', 'quotient-demo/'] },
  js.configs.recommended,
  ...ts.configs.strictTypeChecked,
  ...ts.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // `a[i]!` where the loop's bounds prove the index is how numerical code reads an array under noUncheckedIndexedAccess;
      // every other non-null assertion is refused.
      '@typescript-eslint/no-non-null-assertion': 'off',
      'no-restricted-syntax': ['error', {
        selector: "TSNonNullExpression:not([expression.type='MemberExpression'][expression.computed=true])",
        message: 'A non-null assertion is allowed on an indexed read only.',
      }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/prefer-readonly': 'error',
    },
  },
  ...rooms.map((room) => ({
    files: [`src/${room}/**`],
    rules: {
      'no-restricted-imports': ['error', {
        patterns: [
          { group: forbidden(room).map((other) => `**/${other}/**`), message: `src/${room} may not import from there (see CONTRIBUTING.md, "One-way data flow").` },
          { group: ['**/webview/**'], message: 'The webview is reached by messages only.' },
          ...(room === 'extension' ? [] : [{ group: ['vscode'], message: 'Only src/extension knows VS Code.' }]),
        ],
      }],
    },
  })),
  // In a test an absent value should end in an exception.
  { files: ['test/**'], rules: { 'no-restricted-syntax': 'off' } },
  {
    files: ['webview/**'],
    rules: {
      'no-restricted-imports': ['error', {
        patterns: [{ regex: '/src/(?!protocol/)', message: 'The webview draws reports: it may import from src/protocol only.' }, { group: ['vscode', 'node:*'], message: 'The webview runs in a browser.' }],
      }],
    },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    ...ts.configs.disableTypeChecked,
    languageOptions: { globals: { process: 'readonly', console: 'readonly', Buffer: 'readonly', URL: 'readonly', setTimeout: 'readonly', clearTimeout: 'readonly', performance: 'readonly', document: 'readonly', window: 'readonly', getComputedStyle: 'readonly', Float64Array: 'readonly' }, parserOptions: { projectService: false, program: null } },
  },
);
