import { beforeEach, describe, expect, it } from 'vitest';
import { readViews, withView } from '../src/lib/kept';
import {
	activeFilters, apiQuery, bodyOf, changedCells, changesBetween, changeText, countText, csvOf, defaultColumns, draftOf, draftsEqual, groupsOf, mergeDrafts,
	nextSort, onMapText, placeOf, rangeOf, rangeText, recordId, sayDoubt, shownColumns, valueText, wrongs,
} from '../src/lib/register';
import { around, boxFrom, boxText, cssColor, pointsOf } from '../src/lib/points';
import { fromLocal, localInput, setZone } from '../src/lib/time';
import { setLang } from '../src/i18n';
import type { Field, Kind, Rec } from '../src/lib/types';

const field = (key: string, over: Partial<Field> = {}): Field => ({
	key, name: key, name_en: key, type: 'text', unit: '', ref: '', back: '', back_en: '', group: '', group_en: '', help: '', help_en: '', check: '', required: false, unique: false, in_list: false, filter: true,
	sort: false, many: false, tree: false, secrecy: 1, mask: '', hidden: false, veiled: false, min: null, max: null, pattern: '', options: [], ...over,
});
const kind: Kind = {
	code: 'enterprise', name: '企业', name_en: 'Enterprise', icon: '', color: '', description: '', pack: 'p', thing: false, key: 'uscc', secrecy: 1, writable: true, quantities: [],
	states: [{ code: 'active', name: '在业', name_en: 'active', color: '' }, { code: 'closed', name: '注销', name_en: 'closed', color: '' }],
	fields: [
		field('uscc', { required: true, in_list: true, sort: true, pattern: '[0-9A-Z]{18}' }), field('staff', { type: 'integer', min: 0, max: 1000, unit: '人', group: '规模' }), field('founded', { type: 'date' }),
		field('seen', { type: 'instant' }), field('big', { type: 'bool', in_list: true }), field('tags', { type: 'code', many: true, options: [{ code: 'a', name: '甲', name_en: 'A', color: '' }, { code: 'b', name: '乙', name_en: 'B', color: '' }] }),
		field('park', { type: 'reference', ref: 'park' }), field('phone', { veiled: true }), field('bank', { hidden: true }), field('spot', { type: 'place' }),
	],
};
const rec = (over: Partial<Rec> = {}, attrs = {}): Rec => ({
	kind: 'enterprise', code: 'E1', name: '甲厂', name_en: '', state: 'active', org: '', region: '320902', unit: '320902', lon: 120, lat: 33, attrs: { uscc: '91320900MA1ABCDE1X', staff: 12, phone: '138****0000', bank: '***', ...attrs },
	doubts: {}, masked: ['phone', 'bank'], demo: false, pack: '', rev: 3, created: '', changed: '', account: 'duty', batch: null, thing: false, gone: false, ...over,
});
const name = (_: string, code: string) => `<${code}>`;

beforeEach(() => {
	setLang('en');
	setZone('Asia/Shanghai');
});

describe('addresses of registers', () => {
	it('say which page', () => {
		expect(placeOf('')).toEqual({ what: 'kinds', kind: '', code: '' });
		expect(placeOf('enterprise').what).toBe('list');
		expect(placeOf('enterprise/new').what).toBe('new');
		expect(placeOf('enterprise/import').what).toBe('import');
		expect(placeOf('enterprise/E1')).toEqual({ what: 'record', kind: 'enterprise', code: 'E1' });
		expect(placeOf('enterprise/E1/edit')).toEqual({ what: 'edit', kind: 'enterprise', code: 'E1' });
	});
	it('find a record whose code is a page’s name', () => {
		for (const code of ['new', 'import', 'E1'])
			expect(placeOf(recordId('enterprise', code))).toEqual({ what: 'record', kind: 'enterprise', code });
	});
});

describe('filters', () => {
	it('are asked for by what the kind allows', () => {
		expect(apiQuery(kind, { 'q': ' 厂 ', 'f.staff': '5..', 'f.bank': 'x', 'f.nothing': 'y', 'cols': 'name', 'sort': '-name' })).toEqual({ 'q': '厂', 'f.staff': '5..', 'sort': '-name' });
	});
	it('make instants of the city’s days', () => {
		expect(apiQuery(kind, { 'f.seen': '2026-07-01..2026-07-14' })['f.seen']).toBe('2026-06-30T16:00:00Z..2026-07-14T15:59:59Z');
		expect(apiQuery(kind, { 'f.seen': '2026-07-01..' })['f.seen']).toBe('2026-06-30T16:00:00Z..');
		expect(apiQuery(kind, { 'f.seen': '-' })['f.seen']).toBe('-');
	});
	it('are counted without the order', () => expect(activeFilters(kind, { 'sort': 'name', 'q': 'x', 'f.big': 'true' })).toEqual(['q', 'f.big']));
	it('have ranges with one end or two', () => {
		expect([rangeOf('1..2'), rangeOf('..2'), rangeOf('1..'), rangeOf('7'), rangeOf('-'), rangeOf(undefined)]).toEqual([{ from: '1', to: '2' }, { from: '', to: '2' }, { from: '1', to: '' }, { from: '7', to: '7' }, { from: '', to: '' }, { from: '', to: '' }]);
		expect([rangeText('', ''), rangeText('1', ''), rangeText('-5', '-1')]).toEqual(['', '1..', '-5..-1']);
		expect(rangeOf('-5..-1')).toEqual({ from: '-5', to: '-1' });
	});
});

describe('columns', () => {
	it('are those of the list unless others are chosen', () => {
		expect(defaultColumns(kind)).toEqual(['name', 'code', 'state', 'a.uscc', 'a.big', 'region']);
		expect(shownColumns(kind, 'a.staff,name,a.gone').map((c) => c.key)).toEqual(['name', 'a.staff']);
		expect(shownColumns(kind, 'a.gone').map((c) => c.key)).toEqual(defaultColumns(kind));
	});
	it('sort up, down, not', () => expect([nextSort(undefined, 'name'), nextSort('name', 'name'), nextSort('-name', 'name'), nextSort('code', 'name')]).toEqual(['name', '-name', '', 'name']));
	it('do not offer to sort by what is hidden', () => expect(shownColumns({ ...kind, fields: [field('bank', { sort: true, hidden: true })] }, 'a.bank')[0]!.sort).toBe(''));
});

describe('words', () => {
	it('are the type’s', () => {
		const f = (key: string) => kind.fields.find((x) => x.key === key)!;

		expect(valueText(f('staff'), 1200, name)).toBe('1,200 人');
		expect(valueText(f('big'), false, name)).toBe('no');
		expect(valueText(f('tags'), ['a', 'z'], name)).toBe('A, z');
		expect(valueText(f('park'), 'P1', name)).toBe('<P1>');
		expect(valueText(f('spot'), { lon: 120.1, lat: 33.2 }, name)).toBe('120.100000, 33.200000');
		expect(valueText(f('staff'), undefined, name)).toBe('—');
	});
	it('do not round what is kept', () => expect(valueText(field('x', { type: 'decimal' }), 0.123456, name)).toBe('0.123456'));
	it('say how many, and when more are there', () => {
		expect(countText({ count: 12, more: false }, 12, true)).toBe('12 records');
		expect(countText({ count: 10000, more: true }, 50, false)).toBe('10,000+ records');
		expect(countText({ count: null, more: false }, 50, false)).toBe('50 shown');
		expect(countText({ count: null, more: false }, 50, true)).toBe('50 records');
	});
	it('tell a doubt in the reader’s language, and one that is not known as it is', () => {
		setLang('zh');
		expect([sayDoubt('has a check digit that does not go with the rest'), sayDoubt('is odd'), sayDoubt(undefined)]).toEqual(['校验位不符', 'is odd', '']);
	});
	it('put fields under their headings', () => expect(groupsOf(kind.fields).map((g) => [g.title, g.fields.length])).toEqual([['', 9], ['规模', 1]]));
});

describe('versions', () => {
	it('differ by fields, own ones and places', () => {
		const was = rec(), is = rec({ name: '甲二厂', lon: 120.5 }, { staff: 13, big: true });

		expect(changesBetween(was, is)).toEqual([
			{ key: 'name', from: '甲厂', to: '甲二厂' }, { key: 'place', from: { lon: 120, lat: 33 }, to: { lon: 120.5, lat: 33 } }, { key: 'a.staff', from: 12, to: 13 }, { key: 'a.big', from: undefined, to: true },
		]);
		expect(changesBetween(was, rec())).toEqual([]);
		expect(changesBetween(null, rec()).map((c) => c.key)).toContain('a.uscc');
	});
	it('are told in words', () => {
		expect(changeText(kind, 'state', 'closed', name)).toBe('closed');
		expect(changeText(kind, 'region', '320902', name)).toBe('<320902>');
		expect(changeText(kind, 'a.gone', { x: 1 }, name)).toBe('{"x":1}');
	});
	it('of an import tell only what the sheet has', () => {
		expect(changedCells({ row: { name: 'b', attrs: { staff: 12, big: true } }, before: rec({ name: 'a', state: 'closed' }) })).toEqual([{ key: 'name', from: 'a', to: 'b' }, { key: 'big', from: undefined, to: true }]);
	});
});

describe('drafts', () => {
	it('never hold what is masked', () => {
		const d = draftOf(kind, rec());

		expect([d.attrs.phone, d.attrs.bank, d.attrs.staff]).toEqual(['', '', '12']);
		expect(bodyOf(kind, d, false).attrs).toEqual({ uscc: '91320900MA1ABCDE1X', staff: 12 });
	});
	it('send a veiled field only when it is changed, and say that it is emptied', () => {
		const d = draftOf(kind, rec());

		d.changed = ['phone'];
		expect(bodyOf(kind, d, false).attrs).toHaveProperty('phone', null);
		d.attrs.phone = ' 13900001111 ';
		expect(bodyOf(kind, d, false).attrs?.phone).toBe('13900001111');
	});
	it('send numbers as numbers, instants in UTC, lists without holes', () => {
		const d = draftOf(kind);

		d.code = ' E2 ';
		Object.assign(d.attrs, { staff: '12', seen: '2026-07-14T08:30', tags: ['a', ''], big: false, founded: '' });
		const body = bodyOf(kind, d, true);
		expect(body.code).toBe('E2');
		expect(body.attrs).toEqual({ staff: 12, seen: '2026-07-14T00:30:00Z', tags: ['a'], big: false });
	});
	it('tell what is missing and wrong before they are sent', () => {
		const d = draftOf(kind);

		Object.assign(d.attrs, { staff: '1200', uscc: 'abc' });
		expect(Object.keys(wrongs(kind, d, true)).sort()).toEqual(['name', 'staff', 'uscc']);
		Object.assign(d.attrs, { staff: '1.5', uscc: '91320900MA1ABCDE1X' });
		d.name = 'x';
		expect(wrongs(kind, d, true)).toEqual({ staff: 'Enter a whole number' });
	});
	it('do not miss a veiled field that stays as it is', () => {
		const k = { ...kind, fields: [field('phone', { veiled: true, required: true })] }, d = draftOf(k, rec());

		expect(wrongs(k, d, false)).toEqual({});
		d.changed = ['phone'];
		expect(Object.keys(wrongs(k, d, false))).toEqual(['phone']);
	});
	it('leave a pattern that only the server can read to the server', () => {
		const k = { ...kind, fields: [field('x', { pattern: '[[:alpha:' })] }, d = draftOf(k);

		Object.assign(d, { name: 'n' });
		d.attrs.x = 'y';
		expect(wrongs(k, d, true)).toEqual({});
	});
	it('merge with what another saved: mine stays, theirs comes, both is told', () => {
		const base = draftOf(kind, rec()), mine = draftOf(kind, rec({ name: '我的' }, { staff: 20 })), theirs = draftOf(kind, rec({ state: 'closed' }, { staff: 30, founded: '2020-01-01' }));
		const m = mergeDrafts(base, mine, theirs);

		expect([m.draft.name, m.draft.state, m.draft.attrs.staff, m.draft.attrs.founded]).toEqual(['我的', 'closed', '20', '2020-01-01']);
		expect(m.both).toEqual(['a.staff']);
		expect(draftsEqual(base, draftOf(kind, rec()))).toBe(true);
		expect(draftsEqual(base, mine)).toBe(false);
	});
});

describe('the city’s time', () => {
	it('survives the way there and back', () => {
		for (const zone of ['Asia/Shanghai', 'America/New_York', 'UTC']) {
			setZone(zone);
			for (const at of ['2026-01-15T12:00:00', '2026-07-15T00:00:00', '2026-03-08T12:00:00'])
				expect(localInput(fromLocal(at))).toBe(at);
		}
		expect(fromLocal('not a time')).toBe('');
	});
});

describe('sheets', () => {
	it('are quoted, and do nothing in a spreadsheet', () => {
		expect(csvOf([['a', 'b,"c"'], [null, '=HYPERLINK("x")'], ['-5', '@x'], [1.5, { lon: 1 }]])).toBe('\ufeffa,"b,""c"""\r\n,"\'=HYPERLINK(""x"")"\r\n-5,\'@x\r\n1.5,"{""lon"":1}"\r\n');
	});
});

describe('views', () => {
	it('survive what others wrote in their place', () => {
		expect([readViews(null), readViews('{'), readViews('{"a":1}'), readViews('[1,{"name":"n","query":{"q":"x"}}]')]).toEqual([[], [], [], [{ name: 'n', query: { q: 'x' } }]]);
	});
	it('replace one of the same name', () => expect(withView([{ name: 'b', query: {} }, { name: 'a', query: {} }], { name: 'b', query: { q: '1' } })).toEqual([{ name: 'a', query: {} }, { name: 'b', query: { q: '1' } }]));
});

describe('the map of a register', () => {
	const painted: Kind = { ...kind, color: '#d97706', states: [{ code: 'active', name: '在业', name_en: 'active', color: 'green' }, { code: 'closed', name: '注销', name_en: 'closed', color: 'mauve' }] };

	it('draws those that have a place, by colour of kind and shape of state', () => {
		expect(pointsOf(painted, [rec(), rec({ code: 'E2', lon: null }), rec({ code: 'E3', state: 'closed' })])).toEqual([
			{ id: 'E1', lon: 120, lat: 33, shape: 'green', color: '#d97706', title: '甲厂' },
			{ id: 'E3', lon: 120, lat: 33, shape: '', color: '#d97706', title: '甲厂' },
		]);
		expect(['', 'green', 'red', 'teal'].map(cssColor)).toEqual(['var(--second)', 'var(--good)', 'var(--red)', 'teal']);
	});
	it('holds all of them in its first view', () => {
		expect(around([])).toBeNull();
		const [w, s, e, n] = around(pointsOf(painted, [rec(), rec({ lon: 121, lat: 34 })]))!;

		expect([w < 120, s < 33, e > 121, n > 34]).toEqual([true, true, true, true]);
	});
	it('has its box in the address', () => {
		expect(boxText([119.1234567, -91, 190, 33.5])).toBe('119.12346,-90.00000,180.00000,33.50000');
		expect(boxFrom('119,33,120,34')).toEqual([119, 33, 120, 34]);
		expect(['', '1,2,3', '120,33,119,34', 'a,b,c,d'].map(boxFrom)).toEqual([null, null, null, null]);
		expect(apiQuery(kind, { box: '119,33,120,34', view: 'map' })).toEqual({ box: '119,33,120,34' });
	});
	it('says how many it shows of how many', () => {
		setLang('en');
		expect(onMapText(1000, { count: 10000, more: true }, false)).toBe('1,000 of 10,000+ on the map');
		expect(onMapText(1000, { count: 2345, more: false }, false)).toBe('1,000 of 2,345 on the map');
		expect(onMapText(1000, { count: null, more: false }, false)).toBe('The first 1,000 on the map');
		expect(onMapText(7, { count: 9, more: false }, true)).toBe('7 on the map, 2 without a place');
		expect(onMapText(7, { count: null, more: false }, true)).toBe('7 on the map');
	});
});
