/* A list of records as it is read: pages by cursor, short ones go on by themselves, a newer question ends the older. */
import { onScopeDispose, shallowReactive } from 'vue';
import { get, type Target } from './api';
import { sayProblem } from './city';
import type { RecordQuery } from './register';
import { heardTitles } from './titles';
import type { Rec, RecPage } from './types';

export const PAGE = 50;

export interface RecordList { items: Rec[]; next: string | null; count: number | null; more: boolean; ready: boolean; searching: boolean; failed: string }

/* size: how many records a reading brings, at most 1,000. */
export function useRecords(path: () => Target<'/api/v1/records/{kind}'>, query: () => RecordQuery, size = PAGE) {
	const state = shallowReactive<RecordList>({ items: [], next: null, count: null, more: false, ready: false, searching: false, failed: '' });
	let now: AbortController | null = null;

	async function load(from: Rec[], cursor: string | null): Promise<void> {
		const mine = new AbortController(), want = from.length + size;
		let items = from;

		now?.abort();
		now = mine;
		state.searching = true;
		state.failed = '';
		try {
			do {
				const page: RecPage = await get(path(), { ...query(), cursor, limit: want - items.length }, mine.signal);

				heardTitles(page);
				items = [...items, ...page.items];
				/* What the first page counted holds for the others, which need not count again. */
				if (page.count !== null || cursor === null)
					Object.assign(state, { count: page.count, more: page.more });
				cursor = page.next;
				Object.assign(state, { items, next: cursor, ready: true });
			} while (cursor !== null && items.length < want);
		} catch (e) {
			if (mine.signal.aborted)
				return;
			state.failed = sayProblem(e);
			state.ready = true;
		}
		if (now === mine)
			state.searching = false;
	}

	function stop(): void {
		now?.abort();
		state.searching = false;
	}

	onScopeDispose(stop);
	return { state, read: () => load([], null), readMore: () => load(state.items, state.next), stop };
}
