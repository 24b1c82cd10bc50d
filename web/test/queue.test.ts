import { describe, expect, it } from 'vitest';
import { inOrder, left, matches, nextSelected, tabOf } from '../src/lib/queue';
import type { Case } from '../src/lib/types';

const at = (minute: number) => new Date(Date.UTC(2026, 6, 14, 8, minute)).toISOString();
function some(id: string, over: Partial<Case> = {}): Case {
	return { id, level: 3, opened: at(0), deadline: at(30), stage: 'handle', assignee: '', unit: '320902', org: 'zhujian', ...over } as Case;
}

describe('the queue', () => {
	it('is by deadline, not by arrival', () => {
		expect(inOrder([some('1', { deadline: at(50) }), some('2', { deadline: at(10), opened: at(5) })]).map((c) => c.id)).toEqual(['2', '1']);
	});
	it('puts the graver first at the same deadline, then the older', () => {
		const list = [some('1'), some('2', { level: 1 }), some('3', { opened: at(-5) })];

		expect(inOrder(list).map((c) => c.id)).toEqual(['2', '3', '1']);
		expect(list[0]!.id).toBe('1');
	});
	it('puts those without a limit last', () => {
		expect(inOrder([some('1', { deadline: null }), some('2', { deadline: null, level: 1 }), some('3')]).map((c) => c.id)).toEqual(['3', '2', '1']);
	});
	it('has three tabs', () => {
		expect(tabOf(some('1'))).toBe('to_claim');
		expect(tabOf(some('1', { assignee: 'worker' }))).toBe('handling');
		expect(tabOf(some('1', { stage: 'verify', assignee: 'duty' }))).toBe('to_verify');
		expect(tabOf(some('1', { stage: 'close' }))).toBe('to_verify');
		expect(tabOf(some('1', { stage: 'dispatch' }))).toBe('to_claim');
	});
	it('filters by level, unit and org together', () => {
		const none = { levels: [], unit: '', org: '' };

		expect(matches(some('1'), none)).toBe(true);
		expect(matches(some('1'), { ...none, levels: [1, 3] })).toBe(true);
		expect(matches(some('1'), { ...none, levels: [1] })).toBe(false);
		expect(matches(some('1'), { ...none, unit: '320903' })).toBe(false);
		expect(matches(some('1'), { levels: [3], unit: '320902', org: 'shuiwu' })).toBe(false);
		expect(matches(some('1', { org: 'zhujian-320902' }), { ...none, org: 'zhujian' })).toBe(true);
		expect(matches(some('1', { org: 'zhujianju' }), { ...none, org: 'zhujian' })).toBe(false);
	});
	it('counts what is left by the given clock', () => {
		expect(left(some('1'), Date.parse(at(29)))).toBe(60_000);
		expect(left(some('1'), Date.parse(at(31)))).toBe(-60_000);
		expect(left(some('1', { deadline: null }), 0)).toBeNull();
	});
});

describe('the selection', () => {
	it('stays', () => expect(nextSelected(['1', '2'], ['0', '2', '1'], '2')).toBe('2'));
	it('goes to the next one when its case leaves', () => expect(nextSelected(['1', '2', '3'], ['1', '3'], '2')).toBe('3'));
	it('goes to the last when there is no next', () => expect(nextSelected(['1', '2'], ['1'], '2')).toBe('1'));
	it('begins with the first', () => expect(nextSelected([], ['5', '6'], '')).toBe('5'));
	it('is nothing in an empty queue', () => expect(nextSelected(['1'], [], '1')).toBe(''));
});
