import { beforeEach, describe, expect, it } from 'vitest';
import { groups, kindsOf, plain, sentenceOf, sheetOf, subjectOf } from '../src/lib/audit';
import { names } from '../src/lib/city';
import { csvOf } from '../src/lib/register';
import { setZone } from '../src/lib/time';
import { setLang } from '../src/i18n';
import { zh } from '../src/i18n/zh';
import type { Field, JournalRow, Kind } from '../src/lib/types';

const entry = (kind: string, over: Partial<JournalRow> = {}): JournalRow => ({
	seq: 7, id: '7', at: '2026-07-14T00:00:00Z', kind, subject: 'record', subject_id: 'enterprise/E1', region: '', org: '', account: 'zhang', name: '张三', payload: {}, ...over,
});
const said = (e: JournalRow) => plain(sentenceOf(e));

beforeEach(() => {
	setZone('Asia/Shanghai');
	setLang('zh');
	names.kinds = new Map([['enterprise', { code: 'enterprise', name: '企业', name_en: 'Enterprise', fields: [{ key: 'phone', name: '电话', name_en: 'Phone' } as Field] } as Kind]]);
});

describe('entries of the journal', () => {
	it('say who saw what of whom and why, in both languages', () => {
		const e = entry('record.revealed', { payload: { kind: 'enterprise', code: 'E1', reason: '核实来电', fields: ['phone'] } });

		expect(said(e)).toBe('张三（zhang）查看了 企业 E1 的电话，事由：核实来电');
		setLang('en');
		expect(said(e)).toBe('张三 (zhang) looked at Phone of Enterprise E1, because: 核实来电');
		expect(sentenceOf(e).find((p) => p.text === 'Enterprise E1')?.href).toBe('#/registers/enterprise/E1');
	});
	it('say what changed in an account', () => {
		const e = entry('account.changed', { subject: 'account', subject_id: 'li', payload: { roles: ['viewer', 'viewer desk'], clearance: [2, 3], disabled: true } });

		expect(said(e)).toBe('张三（zhang）修改了账号 li：角色 查看 → 查看 值班、密级 2 → 3、停用');
	});
	it('tell plainly what has no sentence, what was erased, and for whom it was done', () => {
		expect(said(entry('drill.begun', { subject: 'drill', subject_id: '4', payload: { place: 'x', n: { a: 1 } } }))).toBe('张三（zhang）：drill.begun，drill 4；place x、n {"a":1}');
		expect(said(entry('record.revealed', { payload: null }))).toBe('张三（zhang）：查看遮盖内容，企业 E1；内容已清除');
		expect(said(entry('case.closed', { subject: 'case', subject_id: '9', payload: { id: '9', code: 'C-9', for: 'wang' } }))).toBe('张三（zhang）使案件 C-9 结案（代 wang）');
		expect(said(entry('pack.removed', { account: 'system', name: '', subject: 'pack', subject_id: 'p', payload: {} }))).toBe('系统 卸载了场景包 p —');
	});
	it('link to nothing that is not there', () => expect(subjectOf(entry('record.added', { subject_id: 'gone/X' }))).toEqual({ text: 'gone X', href: undefined }));
	it('have a word for every sentence, and a group for every word', () => {
		const kinds = Object.keys(zh).filter((k) => k.startsWith('as.')).map((k) => k.slice(3));

		expect(groups.flatMap((g) => kindsOf(g)).sort()).toEqual(kinds.sort());
	});
	it('go into a sheet that says who took it, with cells that nothing runs', () => {
		const sheet = csvOf(sheetOf([entry('record.exported', { subject: 'kind', subject_id: 'enterprise', name: '=cmd()', payload: { records: 3, format: 'csv', reason: '月报' } })], '李四 li 2026-07-14 08:00'));

		expect(sheet).toContain(',李四 li 2026-07-14 08:00\r\n');
		expect(sheet).toContain(`'=cmd()`);
		expect(sheet).toContain('导出了 企业 3 条（CSV），事由：月报');
	});
});
