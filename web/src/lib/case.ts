/* One case as it is looked at: read, kept fresh by its events, acted upon. */
import { onScopeDispose, shallowReactive, watch } from 'vue';
import { get, pathOf, post, Problem } from './api';
import { refreshSoon, sayProblem } from './city';
import { onEvent } from './stream';
import { heardServerTime } from './time';
import { t, tMaybe } from '../i18n';
import type { CaseDone, CaseNow } from './types';

export interface CaseState { now: CaseNow | null; history: CaseDone[]; failed: string; gone: boolean; said: string; busy: boolean }
export interface CaseView { state: CaseState; act(action: string, body: Record<string, unknown>): Promise<boolean>; read(): Promise<void> }

/* Actions that are not outcomes have a path of their own. */
const paths = {
	claim: '/api/v1/cases/{id}/claim', release: '/api/v1/cases/{id}/release', hand_over: '/api/v1/cases/{id}/handover', note: '/api/v1/cases/{id}/note',
} as const;
const hasPath = (action: string): action is keyof typeof paths => action in paths;

export function useCase(id: () => string): CaseView {
	const state = shallowReactive<CaseState>({ now: null, history: [], failed: '', gone: false, said: '', busy: false });
	let asked = 0;

	async function read(): Promise<void> {
		const which = id(), turn = ++asked;

		if (!which) {
			state.now = null;
			return;
		}
		try {
			const [c, h] = await Promise.all([get(pathOf('/api/v1/cases/{id}', { id: which })), get(pathOf('/api/v1/cases/{id}/history', { id: which }))]);

			if (turn !== asked)
				return;
			heardServerTime(c.now);
			state.now = c;
			state.history = h.items;
			state.failed = '';
			state.gone = false;
		} catch (e) {
			if (turn !== asked)
				return;
			state.gone = e instanceof Problem && e.status === 404;
			state.now = null;
			state.failed = sayProblem(e);
		}
	}

	async function act(action: string, body: Record<string, unknown>): Promise<boolean> {
		const c = state.now;

		if (!c || state.busy || !c.actions.includes(action))
			return false;
		state.busy = true;
		state.said = '';
		try {
			if (hasPath(action))
				await post(pathOf(paths[action], c), body, action === 'note' ? undefined : c.version);
			else
				await post(pathOf('/api/v1/cases/{id}/complete', c), { ...body, outcome: action }, c.version);
			state.said = t('act.did', { what: tMaybe('act.', action) });
			return true;
		} catch (e) {
			state.said = e instanceof Problem && (e.status === 409 || e.status === 412) ? `${t('act.conflict')} ${e.message}` : sayProblem(e);
			return false;
		} finally {
			state.busy = false;
			refreshSoon(['cases', 'summary']);
			await read();
		}
	}

	watch(id, () => {
		state.said = '';
		void read();
	}, { immediate: true });
	let soon: ReturnType<typeof setTimeout> | undefined;
	const stop = onEvent((e) => {
		if (e.subject_id !== state.now?.id && e.subject_id !== state.now?.code)
			return;
		clearTimeout(soon);
		soon = setTimeout(() => void read(), 150);
	});
	onScopeDispose(() => {
		stop();
		clearTimeout(soon);
	});
	return { state, act, read };
}
