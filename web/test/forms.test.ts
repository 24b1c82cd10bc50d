// @vitest-environment jsdom
/*
 * The other half of tests/unit/form/fill_test.c: form-js itself judges the rows of tests/data/forms.json, and says what
 * that file says. So server and browser are held to one table. `npx vitest run -u test/forms.test.ts` makes `errors`
 * and `result` anew.
 *
 * Where form-js silently replaces a value that its field cannot hold, the server refuses it; such a value counts as
 * refused here, too (rule "type" or "option").
 */
import { Form, getSchemaVariables } from '@bpmn-io/form-js-viewer';
import { expect, it, vi } from 'vitest';
import table from '../../tests/data/forms.json?raw';

type Data = Record<string, unknown>;
interface Row { variables?: Data; data: Data; result: Data; errors: Record<string, string[]> }
interface Sheet { name: string; schema: object; rows: Row[] }

const sheets = JSON.parse(table) as Sheet[];

/* Raw templates instead of sentences: they name the rule. */
const rules: [RegExp, string][] = [[/required/, 'required'], [/minimum value|Min validation/, 'min'], [/maximum value|Max validation/, 'max'],
	[/minimum length/, 'minLength'], [/maximum length/, 'maxLength'], [/match pattern|needs b/, 'pattern'], [/international phone/, 'phone'], [/valid email/, 'email'],
	[/decimal digit|integer/, 'decimalDigits'], [/nearest valid/, 'increment']];
const ruleOf = (said: string) => rules.find(([r]) => r.test(said))?.[1] ?? said;
const at = (data: unknown, path: (string | number)[]): unknown => path.reduce<unknown>((x, k) => (x as Data | undefined)?.[k], data);

function lost(type: string, sent: unknown, taken: unknown): string | undefined {
	if (sent === undefined || sent === null || sent === '')
		return undefined;
	if (type === 'checklist' || type === 'taglist')
		return !Array.isArray(sent) ? 'type' : (taken as unknown[]).length < sent.length ? 'option' : undefined;
	if (type === 'select' || type === 'radio')
		return taken === null ? 'option' : undefined;
	if (type === 'checkbox')
		return typeof sent === 'boolean' ? undefined : 'type';
	if (type === 'textfield' || type === 'textarea')
		return typeof sent === 'object' ? 'type' : undefined;
	return (type === 'number' || type === 'datetime') && taken === null ? 'type' : undefined;
}

globalThis.ResizeObserver = class { observe() { /* nothing is laid out */ } unobserve() { /* nor here */ } disconnect() { /* nor here */ } };

/* Effects run after a frame, and may ask for another. */
async function settle(): Promise<void> {
	for (let i = 0; i < 6; i++)
		await new Promise((done) => setTimeout(done, 3));
}

async function open(schema: object, data: Data): Promise<Form> {
	const form = new Form({ container: document.body.appendChild(document.createElement('div')) });

	await form.importSchema(structuredClone(schema), structuredClone(data));
	await settle();
	return form;
}

interface Field { id: string; type: string; disabled?: boolean; readonly?: unknown }
interface Instance { id: string; valuePath: (string | number)[]; indexes?: Record<string, number> }
interface Inner { _getState(): { data: Data }; _setState(s: object): void; get(name: string): unknown }

async function judge(schema: object, row: Row): Promise<Pick<Row, 'result' | 'errors'>> {
	const own = getSchemaVariables(schema as never, { inputs: false });
	const sent = Object.fromEntries(Object.entries(row.data).filter(([k]) => own.includes(k)));
	/* What the fields make of what was sent, then a form that begins with the variables and is filled with that. */
	const first = await open(schema, { ...row.variables, ...sent }), taken = structuredClone((first as unknown as Inner)._getState().data);
	const form = await open(schema, row.variables ?? {}), inner = form as unknown as Inner;

	inner._setState({ data: structuredClone(taken) });
	await settle();
	const said = form.submit(), errors: Record<string, string[]> = {};
	const fields = inner.get('formFieldRegistry') as { get(id: string): Field };

	for (const i of (inner.get('formFieldInstanceRegistry') as { getAllKeyed(): Instance[] }).getAllKeyed()) {
		const f = fields.get(i.id), path = i.valuePath.join('.');
		const list = at(said.errors, [i.id, ...Object.values(i.indexes ?? {})]);
		const gone = f.disabled || f.readonly === true || f.type === 'expression' ? undefined : lost(f.type, at(sent, i.valuePath), at(taken, i.valuePath));

		if (gone)
			errors[path] = [gone];
		else if (Array.isArray(list))
			errors[path] = (list as string[]).map(ruleOf);
	}
	first.destroy();
	form.destroy();
	return { result: JSON.parse(JSON.stringify(said.data, (_, v: unknown) => v === undefined ? null : v)) as Data, errors };
}

const sorted = (x: Record<string, string[]>) => Object.fromEntries(Object.entries(x).sort(([a], [b]) => a < b ? -1 : 1));

it('judges as the table says', async () => {
	vi.spyOn(console, 'error').mockImplementation(() => undefined);
	const text: string[] = [];

	for (const s of sheets) {
		const rows: string[] = [];

		for (const { variables, data } of s.rows) {
			const { result, errors } = await judge(s.schema, { data, variables, result: {}, errors: {} });

			rows.push(`  ${JSON.stringify({ ...(variables && { variables }), data, result, errors: sorted(errors) })}`);
		}
		text.push(`{"name":${JSON.stringify(s.name)},\n"schema":${JSON.stringify(s.schema)},\n"rows":[\n${rows.join(',\n')}\n]}`);
	}
	await expect(`[\n${text.join(',\n')}\n]\n`).toMatchFileSnapshot('../../tests/data/forms.json');
}, 120000);
