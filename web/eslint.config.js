import vue from 'eslint-plugin-vue';
import ts from 'typescript-eslint';

// Younger than chrome90 and not filled in by src/polyfill.ts.
const young = ['toSorted', 'toReversed', 'toSpliced', 'with', 'findLast', 'findLastIndex', 'groupBy'];

export default ts.config(
	{ ignores: ['dist/', 'src/lib/openapi.ts'] },
	...ts.configs.recommended,
	...vue.configs['flat/essential'],
	{
		files: ['src/**/*.{ts,vue}'],
		languageOptions: { parserOptions: { parser: ts.parser } },
		rules: {
			'vue/multi-word-component-names': 'off',
			'no-restricted-properties': ['error', ...young.map((property) => ({ property, message: 'not in Chrome 90' }))],
			'no-restricted-globals': ['error', { name: 'structuredClone', message: 'not in Chrome 90' }],
			'no-console': 'error',
		},
	},
);
