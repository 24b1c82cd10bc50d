/* The duty officer's queue: open cases in three tabs, by time left. */
import type { Case, Level } from './types';

export type Tab = 'to_claim' | 'handling' | 'to_verify';
export const tabs: Tab[] = ['to_claim', 'handling', 'to_verify'];

export interface Filter { levels: Level[]; unit: string; org: string }

/* Milliseconds until the deadline, negative after it; null where there is none. */
export function left(c: Pick<Case, 'deadline'>, now: number): number | null {
	return c.deadline ? Date.parse(c.deadline) - now : null;
}

export function tabOf(c: Case): Tab {
	if (c.stage === 'verify' || c.stage === 'close')
		return 'to_verify';
	return c.assignee ? 'handling' : 'to_claim';
}

/* Overdue ones first because they have least time left; equal ones by level, then by age. No limit: at the end. */
export function inOrder(cases: Case[]): Case[] {
	const due = (c: Case) => c.deadline ? Date.parse(c.deadline) : Infinity;

	return [...cases].sort((a, b) =>
		(due(a) === due(b) ? 0 : due(a) - due(b)) || a.level - b.level || Date.parse(a.opened) - Date.parse(b.opened) || (a.id < b.id ? -1 : 1));
}

/* A department and its branches, whose codes go on after a dash. */
export function related(a: string, b: string): boolean {
	return a === b || a.startsWith(`${b}-`) || b.startsWith(`${a}-`);
}

export function matches(c: Case, f: Filter): boolean {
	return (f.levels.length === 0 || f.levels.includes(c.level)) && (!f.unit || c.unit === f.unit) && (!f.org || related(c.org, f.org));
}

/* Which to select after the selected one has left the list: the one that took its place. */
export function nextSelected(before: string[], after: string[], selected: string): string {
	if (after.includes(selected))
		return selected;
	const i = before.indexOf(selected);

	for (let k = i + 1; i >= 0 && k < before.length; k++)
		if (after.includes(before[k]!))
			return before[k]!;
	return after[Math.min(Math.max(i, 0), after.length - 1)] ?? '';
}
