/* How LuCI writes JavaScript, for the page and for the stand-in it is tested with. */

import js from '@eslint/js';
import json from '@eslint/json';
import globals from 'globals';

const REQUIRE = /^require ([^\s']+)(?: as ([^\s']+))?$/;

/** Names that a module's first strings bring in: 'require offload.bus as bus'. */
function required(program) {
	return program.body.map((statement) => REQUIRE.exec(statement.directive ?? statement.expression?.value ?? ''))
		.filter(Boolean).map(([ , name, alias ]) => ({ name: alias ?? name.replace(/[^a-zA-Z0-9]+/g, '_'), aliased: Boolean(alias) }));
}

/* `no-undef` and `no-unused-vars` for what LuCI's module loader hands in. */
const modules = {
	create: (context) => ({
		'Program:exit'(program) {
			const used = context.sourceCode.getScope(program).through.map((reference) => reference.identifier);
			const known = new Map(required(program).map((module) => [ module.name, module ]));
			const declared = context.languageOptions.globals;

			for (const node of used)
				if (!known.has(node.name) && !(node.name in declared))
					context.report({ node, message: `'${node.name}' is not defined` });

			for (const { name, aliased } of known.values())
				if (aliased && !used.some((node) => node.name === name))
					context.report({ node: program, message: `'${name}' is required but never used` });
		}
	})
};

/* Text from the router must never become markup. */
const markup = [ 'innerHTML', 'outerHTML' ].map((property) => ({
	selector: `AssignmentExpression[left.property.name='${property}']`,
	message: `${property} makes markup of what may be a name: append text nodes`
}));
const string = {
	selector: 'CallExpression[callee.name=E][arguments.length=3] > :matches(Literal, TemplateLiteral, BinaryExpression):nth-child(3)',
	message: 'a string as the only child becomes markup: put it in an array'
};

export default [
	{ ignores: [ 'build/**', 'node_modules/**', '.venv/**', 'tests/golden/**' ] },
	{
		files: [ 'luci-app-offload/**/*.js', 'tests/standins/luci/**/*.js', 'tests/browser/**/*.js' ],
		plugins: { luci: { rules: { modules } } },
		languageOptions: {
			sourceType: 'script',
			ecmaVersion: 2022,
			parserOptions: { ecmaFeatures: { globalReturn: true } },
			globals: {
				...globals.browser, ...globals.es2021,
				E: 'readonly', L: 'readonly', LuCI: 'readonly', N_: 'readonly', _: 'readonly'
			}
		},
		rules: {
			...js.configs.recommended.rules,
			'eqeqeq': [ 'error', 'always', { 'null': 'ignore' } ],
			'indent': [ 'error', 'tab', { ignoredNodes: [ 'ConditionalExpression' ] } ],
			'luci/modules': 'error',
			'max-len': [ 'error', { code: 160, ignoreStrings: true, ignoreTemplateLiterals: true, tabWidth: 2 } ],
			'no-undef': 'off', // luci/modules knows more
			'no-unused-expressions': 'off',
			'no-var': 'error',
			'prefer-const': 'error',
			'quotes': [ 'error', 'single', { avoidEscape: true, allowTemplateLiterals: true } ],
			'semi': 'error',
			'strict': [ 'error', 'safe' ]
		}
	},
	{
		files: [ 'luci-app-offload/**/*.js' ],
		rules: { 'no-restricted-syntax': [ 'error', ...markup, string ] }
	},
	{
		files: [ 'luci-app-offload/**/*.json' ],
		plugins: { json },
		language: 'json/json',
		rules: { ...json.configs.recommended.rules }
	}
];
